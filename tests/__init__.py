"""The tests of ipcctl; they mirror the package."""
