"""How setuptools makes the package: from what is there now, with the demo's configuration in it.

`pyproject.toml` names the classes. Three things setuptools does not do by itself. It copies into `build/`,
where a module that was deleted since stays, and goes into the next wheel. It takes no file from beside a
package, where `gateway.yaml` is to be: the documented example is what `gateway demo` runs. And it compiles
always or never, not where it can.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import ClassVar

from setuptools.command.bdist_wheel import bdist_wheel
from setuptools.command.build_py import build_py

from deploy import compiling

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
        return [*super().get_source_files(), EXAMPLE, *map(str, Path("deploy").glob("*.py"))]

    def get_outputs(self, include_bytecode: bool = True) -> list[str]:
        """Name what is installed."""
        return [*super().get_outputs(include_bytecode), str(Path(self.build_lib, *PLACE))]


class Wheel(bdist_wheel):
    """Makes a wheel for any machine, or with ``--compiled`` one for machines like this."""

    user_options: ClassVar = [*bdist_wheel.user_options, ("compiled", None, "compile the hot modules")]
    boolean_options: ClassVar = [*bdist_wheel.boolean_options, "compiled"]

    def initialize_options(self) -> None:
        """Compile nothing unless told to."""
        super().initialize_options()
        self.compiled = False

    def finalize_options(self) -> None:
        """Add what is compiled before anything asks whether there is such: the tag depends on it."""
        if self.compiled:
            self.distribution.ext_modules = compiling.extensions()
        super().finalize_options()
