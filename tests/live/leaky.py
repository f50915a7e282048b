"""Programs, as text, that leave objects behind."""

SIX = """
import sysv_ipc, posix_ipc
sysv_ipc.SharedMemory(None, sysv_ipc.IPC_CREX, size=65536).detach()
sysv_ipc.Semaphore(None, sysv_ipc.IPC_CREX, initial_value=1)
sysv_ipc.MessageQueue(None, sysv_ipc.IPC_CREX).send(b"x")
posix_ipc.SharedMemory("/leak", posix_ipc.O_CREX, size=4096).close_fd()
posix_ipc.Semaphore("/leak", posix_ipc.O_CREX).close()
posix_ipc.MessageQueue("/leak", posix_ipc.O_CREX).close()
"""
QUEUE_HELD = 'queue = posix_ipc.MessageQueue("/leak", posix_ipc.O_CREX)'
SEGMENT = "import sysv_ipc; sysv_ipc.SharedMemory(None, sysv_ipc.IPC_CREX, size=65536).detach()"
IN_CHILD = "import os\nif os.fork() == 0:\n {}\n os._exit(0)\nos.wait()"
IN_DAEMON = """
import os
reading, writing = os.pipe()
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        import sysv_ipc
        sysv_ipc.SharedMemory(None, sysv_ipc.IPC_CREX, size=65536).detach()
        os.write(writing, b"x")
        os._exit(0)
    os._exit(0)
os.wait()
os.read(reading, 1)
"""
