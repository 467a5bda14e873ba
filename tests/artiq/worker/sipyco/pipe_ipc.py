"""Two anonymous pipes between a parent and the child that it starts; the child is told their numbers: "READ,WRITE"."""

import asyncio
import os
from asyncio.streams import FlowControlMixin

__all__ = ["AsyncioParentComm", "ChildComm"]

LONGEST_LINE = 100 * 1024 * 1024


class AsyncioParentComm:
    def __init__(self):
        self.child_read, self._write = os.pipe()
        self._read, self.child_write = os.pipe()

    def get_address(self):
        return f"{self.child_read},{self.child_write}"

    async def create_subprocess(self, *args, **kwargs):
        theirs = (self.child_read, self.child_write)
        self.process = await asyncio.create_subprocess_exec(*args, pass_fds=theirs, **kwargs)
        for fd in theirs:
            os.close(fd)
        loop = asyncio.get_running_loop()
        self.reader = asyncio.StreamReader(limit=LONGEST_LINE)
        protocol = asyncio.StreamReaderProtocol(self.reader)
        self.reading, _ = await loop.connect_read_pipe(lambda: protocol, open(self._read, "rb", 0))
        writing, _ = await loop.connect_write_pipe(FlowControlMixin, open(self._write, "wb", 0))
        self.writer = asyncio.StreamWriter(writing, protocol, None, loop)
        self._closing = asyncio.create_task(self._close_after_exit())

    async def _close_after_exit(self):
        await self.process.wait()
        self.reading.close()
        self.writer.close()

    def write(self, data):
        self.writer.write(data)

    async def drain(self):
        await self.writer.drain()

    async def readline(self):
        return await self.reader.readline()


class ChildComm:
    def __init__(self, address):
        read, write = (int(number) for number in address.split(","))
        self.rf, self.wf = open(read, "rb", 0), open(write, "wb", 0)

    def readline(self):
        return self.rf.readline()

    def write(self, data):
        return self.wf.write(data)

    def close(self):
        self.rf.close()
        self.wf.close()
