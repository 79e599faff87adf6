"""Commands on standard input, a JSON object on each line, each answered by a line."""

import json


def obey(lines, receiver):
    """Until the lines end."""
    for line in lines:
        if not line.strip():
            continue
        try:
            command = json.loads(line)
            _one(command, receiver)
        except (ValueError, TypeError, AttributeError, OSError) as error:
            receiver.recorder.answer("refused", error=str(error), line=line.strip())
        else:
            receiver.recorder.answer("done", command=command["command"])


def _one(command, receiver):
    name, about = command.get("command"), {k: v for k, v in command.items() if k != "command"}
    if name == "script":
        receiver.script.replace(about.get("script"))
    elif name in ("listen", "stop_listening", "close_connections"):
        getattr(receiver, name)(about.get("transport"))
    elif name != "sync":
        raise ValueError("command must be script, listen, stop_listening, close_connections or sync")
