"""Log records as lines "LEVEL:name:message", or "LEVEL<lines>:name:message…" when the message has several."""

import logging
import re

_LEVELS = ("CRITICAL", "ERROR", "WARN", "WARNING", "INFO", "DEBUG", "TRACE")
_LINE = re.compile("(" + "|".join(_LEVELS) + r")(?:<(\d+)>)?:([^:]*):(.*)")

logging.TRACE = 5
logging.addLevelName(logging.TRACE, "TRACE")


class MultilineFormatter(logging.Formatter):
    def __init__(self):
        super().__init__("%(levelname)s:%(name)s:%(message)s")

    def format(self, record):
        text = super().format(record)
        more = text.count("\n")
        return text.replace(":", f"<{more + 1}>:", 1) if more else text


def multiline_log_config(level):
    handler = logging.StreamHandler()
    handler.setFormatter(MultilineFormatter())
    logging.getLogger().addHandler(handler)
    logging.getLogger().setLevel(level)


class LogParser:
    """Turns the lines of a child's output into log records of this process. What is no log line was printed."""

    def __init__(self, source_cb):
        self.source_cb = source_cb
        self.pending = None  # (lines to come, name, level, lines so far)

    def emit(self, name, level, message):
        logger = logging.getLogger("fwd")
        logger.name = name
        logger.log(level, "%s", message, extra={"source": self.source_cb()})

    def line_input(self, line):
        if self.pending is not None:
            missing, name, level, lines = self.pending
            lines.append(line)
            self.pending = (missing - 1, name, level, lines) if missing > 1 else None
            if self.pending is None:
                self.emit(name, level, "\n".join(lines))
            return
        match = _LINE.fullmatch(line)
        if match is None:
            self.emit("print", logging.INFO, line)
            return
        level, count, name, message = match.groups()
        level = logging.getLevelName("WARNING" if level == "WARN" else level)
        if count is not None and int(count) > 1:
            self.pending = (int(count) - 1, name, level, [message])
        else:
            self.emit(name, level, message)

    async def stream_task(self, stream):
        while line := await stream.readline():
            self.line_input(line.decode().rstrip("\r\n"))
