"""Opens a model that Latent Studio exported, in PyTorch.

    pip install torch safetensors
    python3 {file}.py            # writes a sheet of samples (needs pillow too)

    from {module} import load
    model = load("{file}.safetensors")
    pictures = model.generate(torch.randn(16, model.latent))    # [16, c, h, w] in [-1, 1]

All networks of the studio are below, as functions of named weights; the recipe inside the file says which one it is. `model`
is a `torch.nn.Module` whose parameters are the file's tensors, so it can be trained further.
"""
import json, math, os
import torch, torch.nn as nn, torch.nn.functional as F
from safetensors import safe_open

MODEL = "{file}.safetensors"


def leaky(x): return F.leaky_relu(x, 0.2)
def double(x): return F.interpolate(x, scale_factor=2, mode="nearest")
def half(x): return F.avg_pool2d(x, 2)
def he(n): return math.sqrt(2 / 1.04 / n)
def lecun(n): return math.sqrt(1 / n)


def blur(x):
    k = torch.tensor([0.25, 0.5, 0.25], dtype=x.dtype, device=x.device)
    k = (k[:, None] * k[None]).expand(x.shape[1], 1, 3, 3)
    return F.conv2d(F.pad(x, (1, 1, 1, 1), mode="replicate"), k, groups=x.shape[1])


def pad(x, built):
    """To rows and columns."""
    down, across = built[0] - x.shape[-2], built[1] - x.shape[-1]
    return F.pad(x, (across // 2, across - across // 2, down // 2, down - down // 2))


def crop(x, size):
    """To rows and columns."""
    top, left = (x.shape[-2] - size[0]) // 2, (x.shape[-1] - size[1]) // 2
    return x[:, :, top:top + size[0], left:left + size[1]]


def built_size(size):
    """Rows and columns that networks work at, and the smallest ones: b·2ⁿ on both sides, the smallest with 4 ≤ b ≤ 8 on the
    shorter one that holds the size."""
    _, b, n = min((b << n, b, n) for n in range(8) for b in range(4, 9) if b << n >= min(size))
    base = tuple(b if side == min(size) else max(b, -(-side // (1 << n))) for side in size)
    return tuple(side << n for side in base), base


class Net(nn.Module):
    """Weights by name, and the layers that read them. Linear weights are [in, out]."""

    def __init__(self, tensors, recipe):
        super().__init__()
        self.recipe, self.names = recipe, set(tensors)
        for name, tensor in tensors.items():
            if "running_" in name: self.register_buffer(self.key(name), tensor)
            else: self.register_parameter(self.key(name), nn.Parameter(tensor))
        # "64x96" is 64 wide and 96 high; a number is a square. Sizes here are (rows, columns), as of tensors.
        self.size = tuple(int(side) for side in str(recipe["data"]["resolution"]).split("x"))[::-1]
        if len(self.size) == 1: self.size *= 2
        self.id = recipe["model"]["id"]
        self.built, self.base = built_size(self.size)
        self.latent = recipe["model"]["latent"]
        self.classes = recipe["model"].get("classes", []) if recipe["model"].get("conditional") else []

    @staticmethod
    def key(name): return name.replace(".", "__")
    def has(self, name): return name in self.names
    def w(self, name): return getattr(self, self.key(name))
    def count(self, prefix): return len({n[len(prefix) + 1:].split(".")[0] for n in self.names if n.startswith(prefix + ".")})

    def linear(self, n, x, gain=1.0, rate=1.0): return x @ (self.w(n + ".weight") * gain) + self.w(n + ".bias") * rate

    def conv(self, n, x, gain=1.0):
        w = self.w(n + ".weight")
        return F.conv2d(x, w * gain, self.w(n + ".bias") if self.has(n + ".bias") else None,
                        padding=w.shape[-1] // 2, groups=x.shape[1] // w.shape[1])

    def stride(self, n, x): return F.conv2d(x, self.w(n + ".weight"), self.w(n + ".bias"), stride=2, padding=1)
    def deconv(self, n, x): return F.conv_transpose2d(x, self.w(n + ".weight"), self.w(n + ".bias"), stride=2, padding=1)

    def norm(self, n, x):
        n += ".norm."
        return F.batch_norm(x, self.w(n + "running_mean"), self.w(n + "running_var"), self.w(n + "gamma"), self.w(n + "beta"))

    def embed(self, n, x, c): return x + c @ self.w(n + ".weight") if c is not None and self.has(n + ".weight") else x
    def on_grid(self, x): return x.view(len(x), -1, *self.base)

    def block(self, n, x):
        skip = self.conv(n + ".skip", x) if self.has(n + ".skip.weight") else x
        return skip + self.conv(n + ".b", leaky(self.conv(n + ".a", leaky(x))))

    def up(self, n, x):
        for i in range(self.count(n)):
            if i and i % self.recipe["model"]["blocks"] == 0: x = double(x)
            x = self.block(f"{n}.{i}", x)
        return x

    def down(self, n, x):
        for i in range(self.count(n)):
            if i and i % self.recipe["model"]["blocks"] == 0: x = half(x)
            x = self.block(f"{n}.{i}", x)
        return x


class Generator(Net):
    """Of a GAN. `generate`: latents [b, z], shares of classes [b, classes] → pictures [b, c, h, w] in [-1, 1]."""
    def forward(self, z, c=None): return self.generate(z, c)


class Vae(Net):
    """`posterior`: pictures in [-1, 1] → mean and log variance, [b, 2z]. `decode`: latents → logits (Bernoulli) or means
    (Gaussian) of pixels in [0, 1]."""
    def forward(self, x, c=None): return self.decode(self.encode(x, c)[0], c)

    def generate(self, z, c=None):
        """Latents [b, z] → pictures [b, c, h, w] in [-1, 1]: the mean of what the decoder says."""
        y = self.decode(z, c)
        return (torch.sigmoid(y) if self.recipe["objective"]["likelihood"] == "bernoulli" else y.clamp(0, 1)) * 2 - 1

    def encode(self, x, c=None):
        """Pictures in [-1, 1] → mean and log variance of their latents, [b, z] each."""
        mean, log_variance = self.posterior(x, c).chunk(2, 1)
        return mean, log_variance.clamp(-14, 8)


class Tokens(Net):
    """A token model. `tokens`: pictures in [-1, 1] → tokens [b, h, w]. `generate`: quantised vectors [b, d·h·w] → pictures.
    `draw`: tokens [b, h, w] → pictures."""
    def __init__(self, tensors, recipe):
        super().__init__(tensors, recipe)
        self.halvings = self.count("downs")
        grid = recipe["model"]["tokens"]["grid"]
        square = self.size[0] == self.size[1]
        self.grid = tuple(grid if square else -(-side // (1 << self.halvings)) for side in self.size)
        self.built = tuple(n << self.halvings for n in self.grid)
        self.latent = self.w("to_code.weight").shape[0] * self.grid[0] * self.grid[1]

    def forward(self, x): return self.draw(self.tokens(x))
    def bounded(self, z): return z

    def residual(self, n, x):
        for i in range(self.count(n)): x = x + self.conv(f"{n}.{i}.point", F.relu(self.conv(f"{n}.{i}.wide", F.relu(x))))
        return x

    def tokens(self, x):
        x = pad(x, self.built)
        for i in range(self.halvings): x = self.stride(f"downs.{i}", F.relu(x) if i else x)
        z = self.bounded(self.conv("to_code", F.relu(self.residual("encoder", x)))).permute(0, 2, 3, 1)
        return self.ids(z.reshape(-1, z.shape[-1])).view(z.shape[:-1])

    def draw(self, ids): return self.generate(self.vectors(ids.flatten()).view(*ids.shape, -1).permute(0, 3, 1, 2).flatten(1))

    def generate(self, z, c=None):
        x = self.residual("decoder", self.conv("from_code", z.view(len(z), -1, *self.grid)))
        for i in range(self.halvings): x = self.deconv(f"ups.{i}", F.relu(x))
        return crop(x, self.size).clamp(-1, 1)


class Prior(Net):
    """A prior over tokens. `scores`: what is given, [b, n] (what stands in front, then tokens) → scores of the next tokens,
    [b, n - front + 1, codes]. Vectors of tokens come first, then of the beginning, nothing, classes, and words."""
    def layer_norm(self, n, x): return F.layer_norm(x, x.shape[-1:], self.w(n + ".gamma"), self.w(n + ".beta"))
    def forward(self, ids): return self.scores(ids)

    def scores(self, ids):
        grid = (self.w("places.rows")[:, None] + self.w("places.columns")[None]).flatten(0, 1)
        x = self.w("vectors")[ids] + torch.cat([self.w("places.front"), grid])[:ids.shape[1]]
        x = self.body(x)[:, len(self.w("places.front")) - 1:]
        return self.linear("head", self.layer_norm("norm", x))


MODELS = {}


def model(id):
    """Makes a class the network of a model."""
    def add(network):
        MODELS[id] = network
        return network
    return add

# {models}

def load(path=MODEL):
    """The network of a file, in inference mode."""
    with safe_open(path, "pt") as f:
        info, tensors = json.loads(f.metadata()["latent_studio"]), {k: f.get_tensor(k) for k in f.keys()}
    tensors = {k: t for k, t in tensors.items() if not k.startswith("prior.")}
    return MODELS[info["recipe"]["model"]["id"]](tensors, info["recipe"]).eval()


if __name__ == "__main__":
    from PIL import Image
    here = os.path.dirname(os.path.abspath(__file__))
    model = load(os.path.join(here, MODEL))
    if isinstance(model, (Tokens, Prior)): raise SystemExit(f"{model.id} makes no pictures by itself: see its class")
    c = torch.eye(len(model.classes))[torch.arange(64) % len(model.classes)] if model.classes else None
    with torch.no_grad(): x = model.generate(torch.randn(64, model.latent), c)
    n, k, h, w = x.shape
    sheet = x.view(8, 8, k, h, w).permute(0, 3, 1, 4, 2).reshape(8 * h, 8 * w, k)
    sheet = ((sheet + 1) * 127.5 + 0.5).clamp(0, 255).byte().numpy()
    Image.fromarray(sheet[:, :, 0] if k == 1 else sheet).save(os.path.join(here, "{file}-samples.png"))
