"""What a lab sets for all of its runs: one file, daybook.toml, that every worker reads when its run begins.

Looked for in $DAYBOOK_CONFIG, then in the folder the master was started in, then in ~/.config/daybook/.
"""

import dataclasses
import os

# Where this process was started: ARTIQ's worker leaves it for the results folder.
_started_in = os.getcwd()


@dataclasses.dataclass
class Settings:
    """file: where they come from, None for the defaults. layout: path of a layout file, or None. checkpoint_seconds,
    checkpoint_events: how often the results file of a run is written anew while it goes on; 0: never. history_bytes: how
    much superseded data a journal keeps."""

    file: str | None = None
    layout: str | None = None
    checkpoint_seconds: float = 0.0
    checkpoint_events: int = 0
    history_bytes: int = 1 << 30


class SettingsError(ValueError):
    """daybook.toml is not as it should be; the message names file, what is wrong and how to mend it."""


def places():
    """Where daybook.toml is looked for, first to last."""
    named = os.environ.get("DAYBOOK_CONFIG")
    if named:
        return [os.path.join(_started_in, named)]
    config = os.environ.get("XDG_CONFIG_HOME") or os.path.expanduser("~/.config")
    return [os.path.join(_started_in, "daybook.toml"), os.path.join(config, "daybook", "daybook.toml")]


def load():
    """The settings of the first file that is there; the defaults if none is. SettingsError."""
    for path in places():
        try:
            with open(path, "rb") as file:
                text = file.read()
        except (FileNotFoundError, NotADirectoryError):
            continue
        except OSError as error:
            raise SettingsError(f"{path} cannot be read ({error.strerror}): the defaults are used") from None
        return _parse(path, text)
    if os.environ.get("DAYBOOK_CONFIG"):
        raise SettingsError(f"{places()[0]}, which DAYBOOK_CONFIG names, is not there: the defaults are used")
    return Settings()


def _parse(path, text):
    try:
        import tomllib
    except ModuleNotFoundError:
        try:
            import tomli as tomllib
        except ModuleNotFoundError:
            raise SettingsError(f"{path} is not read: Python before 3.11 needs the package tomli for it") from None
    try:
        given = tomllib.loads(text.decode())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path}: {error}: the defaults are used") from None
    settings = Settings(file=path)
    kinds = {"layout": str, "checkpoint-seconds": (int, float), "checkpoint-events": int, "history-bytes": int}
    for name, value in given.items():
        if name not in kinds:
            raise SettingsError(f"{path}: unknown setting {name!r} (known: {', '.join(kinds)}): the defaults are used")
        if not isinstance(value, kinds[name]) or isinstance(value, bool) or (name != "layout" and value < 0):
            raise SettingsError(f"{path}: {name} cannot be {value!r}: the defaults are used")
        setattr(settings, name.replace("-", "_"), value)
    if settings.layout is not None:
        settings.layout = os.path.join(os.path.dirname(path), settings.layout)
    return settings


def resolve(name, experiment_file):
    """The layout file that an experiment names: an absolute path, or one seen from the experiment's own file, from
    where the master was started, or from the folder of daybook.toml. The first that exists; else as seen from the experiment."""
    if os.path.isabs(name):
        return name
    folders = [os.path.dirname(os.path.abspath(experiment_file))] if experiment_file else []
    folders += [_started_in] + [os.path.dirname(place) for place in places()]
    found = [os.path.join(folder, name) for folder in folders]
    return next((path for path in found if os.path.exists(path)), found[0])
