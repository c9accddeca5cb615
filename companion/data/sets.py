"""The image sets that can be loaded: where they come from, under which licence, and how they are split."""

from collections.abc import Callable
from dataclasses import dataclass

from companion.data import formats
from companion.data.files import Source

#: The ways to make an image black and white, and what each does.
BINARISATIONS = {
    "static": "binary as given; of MNIST, one Bernoulli draw a pixel, made and published once by its authors",
    "threshold": "ink where the grey level is 128 or more of 255 (8 or more of 16 for the digits)",
    "dynamic": "each pixel is ink with probability grey / 255, drawn anew every epoch",
    "grey": "unsigned bytes, 0 to 255; no Bernoulli likelihood",
}


@dataclass(frozen=True)
class ImageSet:
    """What ``load`` needs to know of one set; ``sources`` holds alternatives, the first that is at hand is read."""

    licence: str
    source: str
    rules: tuple[str, ...]  # the first is the default
    sources: tuple[tuple[Source, ...], ...]
    parse: Callable[[list[bytes]], formats.Arrays]
    image_shape: tuple[int, int] = (28, 28)  # height and width in pixels


def _static_source(split: str, sha256: str) -> Source:
    mirrors = (
        "http://www.cs.toronto.edu/~larocheh/public/datasets/binarized_mnist/",
        "https://storage.googleapis.com/tensorflow/tf-keras-datasets/",
    )
    file = f"binarized_mnist_{split}.amat"
    return Source(f"static_binarized_mnist/{file}", tuple(m + file for m in mirrors), sha256)


def _idx_sources(folder: str, mirrors: tuple[str, ...], digests: tuple[str, ...]) -> tuple[Source, ...]:
    """The four files of an MNIST-like set; ``digests`` are of content and download, file by file."""
    files = [f"{part}-{kind}-ubyte" for part in ("train", "t10k") for kind in ("images-idx3", "labels-idx1")]
    pairs = zip(digests[::2], digests[1::2], strict=True)
    return tuple(
        Source(f"{folder}/{file}", tuple(f"{mirror}{file}.gz" for mirror in mirrors), content, download)
        for file, (content, download) in zip(files, pairs, strict=True)
    )


MNIST_MIRRORS = (
    "https://ossci-datasets.s3.amazonaws.com/mnist/",
    "https://storage.googleapis.com/cvdf-datasets/mnist/",
)
FASHION_MIRRORS = (
    "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
    "https://storage.googleapis.com/tensorflow/tf-keras-datasets/",
)
OMNIGLOT_MIRRORS = (
    "https://raw.githubusercontent.com/brendenlake/omniglot/master/python/",
    "https://github.com/brendenlake/omniglot/raw/master/python/",
)
GREY_RULES = ("grey", "threshold", "dynamic")

#: Where the images of each name come from: files, mirrors, sha256, licence, splits.
SETS = {
    "digits": ImageSet(
        licence="CC BY 4.0",
        source="Alpaydin and Kaynak (1998), Optical Recognition of Handwritten Digits, as shipped with scikit-learn",
        rules=("threshold", "grey", "dynamic"),
        sources=((),),
        parse=formats.digits,
        image_shape=(8, 8),
    ),
    "mnist-static": ImageSet(
        licence="CC BY-SA 3.0 (as commonly stated for MNIST)",
        source="Larochelle and Murray (2011), fixed binarisation of MNIST",
        rules=("static",),
        sources=(
            (
                _static_source("train", "ad693b29f94c14277b095f5238ddefbbdaaae0939789dd2f4f0205278cee3e4d"),
                _static_source("valid", "1de3d397c40fe8eeb33dafd4099a1f665ec01e96d9be234aaeeac8a34930e2e2"),
                _static_source("test", "e6687bfea3f820c174f33b7865140b2a2dd2930ef786f35d45795fc193b5ab2c"),
            ),
        ),
        parse=formats.static_mnist,
    ),
    "mnist": ImageSet(
        licence="CC BY-SA 3.0 (as commonly stated)",
        source="LeCun, Cortes and Burges (1998), MNIST; the last 10 000 training images validate",
        rules=GREY_RULES,
        sources=(
            _idx_sources(
                "mnist",
                MNIST_MIRRORS,
                (
                    "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
                    "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
                    "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
                    "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
                    "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
                    "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
                    "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
                    "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
                ),
            ),
        ),
        parse=formats.idx_set,
    ),
    "fashion-mnist": ImageSet(
        licence="MIT",
        source="Xiao, Rasul and Vollgraf (2017), Fashion-MNIST; the last 10 000 training images validate",
        rules=GREY_RULES,
        sources=(
            _idx_sources(
                "fashion_mnist",
                FASHION_MIRRORS,
                (
                    "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
                    "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84",
                    "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
                    "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845",
                    "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
                    "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073",
                    "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
                    "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5",
                ),
            ),
        ),
        parse=formats.idx_set,
    ),
    "omniglot": ImageSet(
        licence="MIT",
        source="Lake, Salakhutdinov and Tenenbaum (2015), Omniglot, averaged to 28 x 28; labels: alphabets",
        rules=GREY_RULES,
        sources=(
            tuple(
                Source(f"omniglot/{file}", tuple(mirror + file for mirror in OMNIGLOT_MIRRORS), sha256)
                for file, sha256 in (
                    ("images_background.zip", "ad41ab679c8b5d90b271ef46be6987cc81211774a695c29dcc5367b2b26ee640"),
                    ("images_evaluation.zip", "1f61a8f3366785b057fc117d9228e78a16e3d976c8953b2a10fcc74cf0609cee"),
                )
            ),
            (
                Source(
                    "omniglot/omniglot105.npz",
                    (),
                    "2dfd4982284364b78870e8c6d1ab996842af11a4c0173746eb611072ee7ff6e8",
                ),
            ),
        ),
        parse=formats.omniglot,
    ),
}
#: The names that ``load`` takes.
NAMES = tuple(SETS)
