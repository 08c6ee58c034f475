"""`tidemill s3`: objects of a workspace from the command line."""

from tidemill.cli.output import new_app
from tidemill.cli.s3.cp import cp
from tidemill.cli.s3.explain import explain
from tidemill.cli.s3.ls import ls
from tidemill.cli.s3.presign import presign
from tidemill.cli.s3.rm import rm
from tidemill.cli.s3.sync import sync

app = new_app("Copy, list, remove and share objects of a workspace.")

for command in (ls, cp, sync, rm, presign, explain):
    app.command(command.__name__)(command)
