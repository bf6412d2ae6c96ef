"""How setuptools makes the package: from what is there now, with the demo's configuration in it.

`pyproject.toml` names the class. Two things setuptools does not do by itself. It copies into `build/`, where
a module that was deleted since stays, and goes into the next wheel. And it takes no file from beside a
package, where `gateway.yaml` is to be: the documented example is what `gateway demo` runs.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from setuptools.command.build_py import build_py

EXAMPLE = "gateway.yaml"
PLACE = ("gateway", "demo", EXAMPLE)


class FromWhatIsThere(build_py):
    """Begins with an empty folder, and ends with the example in its place."""

    def run(self) -> None:
        """Copy the modules, then the example."""
        if not self.editable_mode:
            shutil.rmtree(self.build_lib, ignore_errors=True)
        super().run()
        if not self.editable_mode:
            self.copy_file(EXAMPLE, str(Path(self.build_lib, *PLACE)))

    def get_source_files(self) -> list[str]:
        """Name what a source distribution needs to make a wheel."""
        return [*super().get_source_files(), EXAMPLE, "deploy/wheel.py"]

    def get_outputs(self, include_bytecode: bool = True) -> list[str]:
        """Name what is installed."""
        return [*super().get_outputs(include_bytecode), str(Path(self.build_lib, *PLACE))]
