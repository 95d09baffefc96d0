"""`andon bundles`: the bundles of a store."""

import typer

from andon.commands.bundles.diff import diff
from andon.commands.bundles.files import get, put
from andon.commands.bundles.gc import gc
from andon.commands.bundles.listing import list_bundles
from andon.commands.bundles.mlflow import export_bundle, import_bundle
from andon.commands.bundles.show import show
from andon.commands.bundles.sign import sign

app = typer.Typer(
    help="The bundles of the store that ANDON_STORE__BUNDLES names: look at them, compare, sign, tidy up.",
    no_args_is_help=True,
)
app.command("list")(list_bundles)
app.command("show")(show)
app.command("diff")(diff)
app.command("put")(put)
app.command("get")(get)
app.command("gc")(gc)
app.command("sign")(sign)
app.command("export")(export_bundle)
app.command("import")(import_bundle)
