"""Opens a model that Latent Studio exported, in PyTorch.

    pip install torch safetensors
    python3 {file}.py            # writes a sheet of samples (needs pillow too)

    from {module} import load
    model = load("{file}.safetensors")
    pictures = model.generate(torch.randn(16, model.latent))    # [16, c, r, r] in [-1, 1]

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
    total = built - x.shape[-1]
    return F.pad(x, (total // 2, total - total // 2) * 2)


def crop(x, side):
    o = (x.shape[-1] - side) // 2
    return x[:, :, o:o + side, o:o + side]


def built_size(resolution):
    """The smallest b·2ⁿ with 4 ≤ b ≤ 8 that holds the resolution."""
    return min((b << n, b) for n in range(7) for b in range(4, 9) if b << n >= resolution)


class Net(nn.Module):
    """Weights by name, and the layers that read them. Linear weights are [in, out]."""

    def __init__(self, tensors, recipe):
        super().__init__()
        self.recipe, self.names = recipe, set(tensors)
        for name, tensor in tensors.items():
            if "running_" in name: self.register_buffer(self.key(name), tensor)
            else: self.register_parameter(self.key(name), nn.Parameter(tensor))
        self.side, self.id = recipe["data"]["resolution"], recipe["model"]["id"]
        self.built, self.base = built_size(self.side)
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
    def square(self, x): return x.view(len(x), -1, self.base, self.base)

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
    def forward(self, z, c=None, noise=None): return self.generate(z, c, noise)

    def generate(self, z, c=None, noise=None):
        """Latents [b, z], shares of classes [b, classes] → pictures [b, c, r, r]. `noise`: for StyleGAN2 only."""
        wide = self.id == "res-gan" and self.recipe["model"].get("expansion", 0) > 0
        return {"res-gan": self.wide if wide else self.res, "dcgan": self.dcgan, "style-gan": self.style,
                "sn-resgan": self.sn, "fast-gan": self.fast, "mlp-gan": self.mlp}[self.id](z, c, noise)

    def res(self, z, c, _):
        x = self.w("basis") * self.embed("embed", self.linear("fc", z), c)[:, :, None, None]
        return crop(self.conv("rgb", leaky(self.up("blocks", x))), self.side)

    def wide(self, z, c, _):
        x, per = self.w("basis") * self.embed("embed", self.linear("fc", z), c)[:, :, None, None], self.recipe["model"]["blocks"]
        for i in range(self.count("blocks")):
            if i and i % per == 0:
                step = f"steps.{i // per - 1}"
                x = blur(double(self.conv(step, x) if self.has(step + ".weight") else x))
            n = f"blocks.{i}"
            x = x + self.conv(n + ".c", leaky(self.conv(n + ".b", leaky(self.conv(n + ".a", x)))))
        return crop(self.conv("rgb", x), self.side)

    def dcgan(self, z, c, _):
        x = self.square(self.embed("embed", self.linear("fc", z), c))
        for i in range(self.count("deconvs")): x = self.deconv(f"deconvs.{i}", F.relu(self.norm(f"norms.{i}", x)))
        return torch.tanh(crop(x, self.side))

    def sn(self, z, c, _):
        def norm(n, x):
            x = self.norm(n + ".norm", x)
            if c is None or not self.has(n + ".gain.weight"): return x
            return x * (c @ self.w(n + ".gain.weight") + 1)[:, :, None, None] + (c @ self.w(n + ".shift.weight"))[:, :, None, None]
        x = self.square(self.linear("fc", z))
        for i in range(self.count("blocks")):
            n = f"blocks.{i}"
            h = self.conv(n + ".a", double(F.relu(norm(n + ".norm_a", x))))
            x = self.conv(n + ".b", F.relu(norm(n + ".norm_b", h))) + double(self.conv(n + ".skip", x))
        return torch.tanh(crop(self.conv("rgb", F.relu(self.norm("norm", x))), self.side))

    def fast(self, z, c, _):
        glu = lambda x: F.glu(x, 1)
        f = [glu(self.norm("norm", self.square(self.embed("embed", self.linear("fc", z), c))))]
        sizes = self.count("sizes")
        reach = 4 if sizes + 1 > 5 else 2
        for i in range(sizes):
            x = double(f[i])
            for k in range(self.count(f"sizes.{i}")):
                n = f"sizes.{i}.{k}"
                x = glu(self.norm(n + ".norm", self.conv(n + ".conv", x)))
            if i + 1 >= reach:
                small = f[i + 1 - reach]
                while small.shape[-1] > self.base: small = half(small)
                n = f"excite.{i}"
                x = x * torch.sigmoid(self.linear(n + ".gate", F.silu(self.linear(n + ".look", small.flatten(1)))))[:, :, None, None]
            f.append(x)
        return torch.tanh(crop(self.conv("rgb", f[-1]), self.side))

    def mlp(self, z, c, _):
        h = leaky(self.embed("embed", self.linear("first", z), c))
        for i in range(self.count("hidden")): h = leaky(self.linear(f"hidden.{i}", h))
        return self.linear("last", h).view(len(z), -1, self.side, self.side)

    # StyleGAN2
    def map(self, z, c=None):
        """Latents to styles, [b, z] → [b, w]."""
        unit = lambda x: x / (x.square().mean(1, keepdim=True) + 1e-8).sqrt()
        x, rate = unit(z), 0.01
        if c is not None and self.has("mapping.embed.weight"): x = unit(self.embed("mapping.embed", x, c))
        for i in range(self.count("mapping.layers")):
            x = leaky(self.linear(f"mapping.layers.{i}", x, lecun(x.shape[1]) * rate, rate)) * math.sqrt(2)
        return x

    def styled(self, n, x, style, demodulate=True):
        s, w = self.linear(n + ".affine", style, lecun(style.shape[1])), self.w(n + ".conv.weight")
        if not demodulate: w = w * lecun(w[0].numel())
        y = F.conv2d(x * s[:, :, None, None], w, padding=w.shape[-1] // 2)
        if demodulate: y = y / (s.square() @ w.square().sum((2, 3)).t() + 1e-8).sqrt()[:, :, None, None]
        return y + self.w(n + ".bias")[None, :, None, None]

    def synthesize(self, styles, noise=None):
        """Styles of every layer, [b, layers, w] → pictures. `noise`: one [b, 1, h, w] a layer, in order, or nothing."""
        noise = iter(noise or [])
        def noisy(n, x):
            e = next(noise, None) if self.has(n + ".noise") else None
            return x if e is None else x + e * self.w(n + ".noise")
        x, rgb, at, g = self.w("basis").repeat(len(styles), 1, 1, 1), None, 0, math.sqrt(2)
        for i in range(self.count("sizes")):
            n = f"sizes.{i}"
            if i:
                x = leaky(noisy(n + ".up", blur(double(self.styled(n + ".up", x, styles[:, at]))))) * g; at += 1
            x = leaky(noisy(n + ".conv", self.styled(n + ".conv", x, styles[:, at]))) * g; at += 1
            colours = self.styled(n + ".rgb", x, styles[:, min(at, styles.shape[1] - 1)], False)
            rgb = colours if rgb is None else blur(double(rgb)) + colours
        return crop(rgb, self.side)

    def style(self, z, c, noise):
        w = self.map(z, c)
        return self.synthesize(w[:, None].repeat(1, 2 * self.count("sizes"), 1), noise)


class Vae(Net):
    def forward(self, x, c=None): return self.decode(self.encode(x, c)[0], c)

    def generate(self, z, c=None):
        """Latents [b, z] → pictures [b, c, r, r] in [-1, 1]: the mean of what the decoder says."""
        y = self.decode(z, c)
        return (torch.sigmoid(y) if self.recipe["objective"]["likelihood"] == "bernoulli" else y.clamp(0, 1)) * 2 - 1

    def encode(self, x, c=None):
        """Pictures in [-1, 1] → mean and log variance of their latents (of a ladder: at the means of the levels above)."""
        if self.id == "ladder-vae":
            mean, log_variance, _ = self.ladder(len(x), self.read(x), None, c)
            return mean, log_variance
        if self.id == "mlp-vae":
            h = x.flatten(1)
            for i in range(self.count("encoder")):
                h = self.linear(f"encoder.{i}", h)
                h = F.relu(self.embed("class_in", h, c) if i == 0 else h)
            both = self.linear("head", h)
        elif self.id == "conv-vae":
            x = pad(x, self.built)
            for i in range(self.count("convs")): x = F.relu(self.stride(f"convs.{i}", x))
            both = self.embed("class_in", self.linear("head", x.flatten(1)), c)
        else:
            x = leaky(self.down("encoder", self.conv("rgb_in", pad(x, self.built))))
            both = self.embed("class_in", self.linear("head", x.flatten(1)), c)
        mean, log_variance = both.chunk(2, 1)
        return mean, log_variance.clamp(-14, 8)

    def decode(self, z, c=None):
        """Latents → logits (Bernoulli) or means (Gaussian) of pixels in [0, 1]."""
        if self.id == "ladder-vae": return self.ladder(len(z), None, z, c)[2]
        if self.id == "mlp-vae":
            h = z
            for i in range(self.count("decoder")):
                h = self.linear(f"decoder.{i}", h)
                h = F.relu(self.embed("class_out", h, c) if i == 0 else h)
            return self.linear("out", h).view(len(z), -1, self.side, self.side)
        x = self.square(self.embed("class_out", self.linear("fc", z), c))
        if self.id == "conv-vae":
            for i in range(self.count("deconvs")): x = self.deconv(f"deconvs.{i}", F.relu(x))
            return crop(x, self.side)
        return crop(self.conv("rgb_out", leaky(self.up("decoder", x))), self.side)

    def read(self, x):
        x, per, out = self.conv("rgb_in", pad(x, self.built)), self.recipe["model"]["blocks"], []
        for i in range(self.count("encoder")):
            if i and i % per == 0: x = half(x)
            x = self.block(f"encoder.{i}", x)
            if i % per == per - 1: out.insert(0, x)
        return out

    def ladder(self, b, read, z, c):
        """From the basis down; latents of `z`, or the means of what was read."""
        per = self.recipe["model"]["blocks"]
        sizes, levels = self.count("encoder") // per, self.count("levels")
        extra = max(levels - sizes, 0)
        places = [max(i - extra, 0) for i in range(levels)]
        h, level, stage, at, means, logs = self.w("basis").repeat(b, 1, 1, 1), 0, 0, 0, [], []
        if c is not None and self.has("class_out.weight"): h = h + (c @ self.w("class_out.weight"))[:, :, None, None]
        for size in range(sizes):
            if size: h = double(h)
            for _ in range(max(places.count(size), 1)):
                if level < levels and places[level] == size:
                    n = f"levels.{level}"
                    k = self.w(n + ".prior.bias").numel() // 2
                    if z is None:
                        m, v = self.linear(n + ".posterior", leaky(self.conv(n + ".merge", leaky(torch.cat([h, read[size]], 1)))).flatten(1)).chunk(2, 1)
                        means.append(m); logs.append(v.clamp(-14, 8)); e = m
                    else: e = z[:, at:at + k]
                    at, level = at + k, level + 1
                    mean, raw = self.linear(n + ".prior", h.mean((2, 3))).chunk(2, 1)
                    low = self.linear(n + ".spread", mean + ((raw / 2).tanh() * 2).exp() * e)
                    h = h + self.conv(n + ".inject", low.view(b, 16, h.shape[2], h.shape[3]))
                for k in range(per): h = self.block(f"decoder.{stage * per + k}", h)
                stage += 1
        out = crop(self.conv("rgb_out", leaky(h)), self.side)
        return (torch.cat(means, 1) if means else None), (torch.cat(logs, 1) if logs else None), out


def load(path=MODEL):
    """The network of a file, in inference mode."""
    with safe_open(path, "pt") as f:
        info, tensors = json.loads(f.metadata()["latent_studio"]), {k: f.get_tensor(k) for k in f.keys()}
    tensors = {k: t for k, t in tensors.items() if not k.startswith("prior.")}
    return (Vae if info["family"] == "vae" else Generator)(tensors, info["recipe"]).eval()


if __name__ == "__main__":
    from PIL import Image
    here = os.path.dirname(os.path.abspath(__file__))
    model = load(os.path.join(here, MODEL))
    c = torch.eye(len(model.classes))[torch.arange(64) % len(model.classes)] if model.classes else None
    with torch.no_grad(): x = model.generate(torch.randn(64, model.latent), c)
    n, k, r, _ = x.shape
    sheet = x.view(8, 8, k, r, r).permute(0, 3, 1, 4, 2).reshape(8 * r, 8 * r, k)
    sheet = ((sheet + 1) * 127.5 + 0.5).clamp(0, 255).byte().numpy()
    Image.fromarray(sheet[:, :, 0] if k == 1 else sheet).save(os.path.join(here, "{file}-samples.png"))
