"""The command `jamun build`: one peptide."""

import typer

from jamun.cli.options import Config, Out, Sequence, settings_of


def build(sequence: Sequence, out: Out, config: Config = None) -> None:
    """Build a peptide from its sequence.

    Writes OUT/NAME.pdb and OUT/NAME.json.
    """
    from jamun.io.disk import require_folder
    from jamun.peptides.build import build_to_files
    from jamun.peptides.sequences import parse_sequence

    settings = settings_of(config).peptides
    peptide = parse_sequence(sequence)
    require_folder(out)
    build_to_files(peptide, settings.form, settings.ph, out / f"{peptide.name}.pdb", out / f"{peptide.name}.json")
    typer.echo(out / f"{peptide.name}.pdb")
