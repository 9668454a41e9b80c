"""The process that `warm_launcher` keeps: imports everything, waits for one run, executes it, ends.

Reads the run id as one line on standard input; the end of input, which is also the end of the
parent, means that there is nothing to do.
"""

from __future__ import annotations

import sys


def main() -> int:
    """Warm up, say so, and execute the run that is handed over."""
    import dagster as dg

    # What `dagster api execute_run` calls; it has no public name.
    from dagster._cli.api import _execute_run_command_body

    from pql_platform.definitions import defs

    dg.Definitions.validate_loadable(defs())
    with dg.DagsterInstance.get() as instance:
        print("ready", flush=True)
        run_id = sys.stdin.readline().strip()
        if not run_id:
            return 0
        return _execute_run_command_body(
            run_id, instance, lambda event: None, set_exit_code_on_failure=False
        )


if __name__ == "__main__":
    sys.exit(main())
