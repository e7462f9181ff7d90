"""Partials: what is put into a bundle's file comes back by what was shuffled of it."""

from transforms.spilled_partials import FilePart, Partials, read_partials


def test_partials_of_several_bundles_come_back(tmp_path):
    kept = []
    for number in range(3):
        partials = Partials(str(tmp_path / "temp"))
        kept += [partials.put(bytes([number]) * size) for size in (5, 0, 7)]
        partials.close()
    assert all(isinstance(part, FilePart) for part in kept)
    assert sorted(read_partials(reversed(kept))) == sorted(
        bytes([number]) * size for number in range(3) for size in (5, 0, 7)
    )
    assert len(list((tmp_path / "temp").iterdir())) == 3


def test_without_a_folder_they_are_shuffled_themselves():
    partials = Partials(None)
    assert list(read_partials([partials.put(b"a"), partials.put(b"b")])) == [b"a", b"b"]
    partials.close()


def test_a_bundle_without_partials_writes_no_file(tmp_path):
    Partials(str(tmp_path / "temp")).close()
    assert not (tmp_path / "temp").exists()
