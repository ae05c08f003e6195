#!/usr/bin/env python3
"""The `mlp-vae` of the studio in PyTorch: same network, same first weights' distribution, same recipe, and the importance-
weighted bound of both on the same binarised test pictures.

    pip install torch safetensors numpy
    latent-studio train --data FASHION_MNIST/train-images-idx3-ubyte.gz --preset vae-mlp --resolution 28 \
        --kimg 3000 --set objective.vae.binarise=true --set data.channels=grey \
        --set 'optim.lr={"start":0.001,"end":0.0001,"kimg":3000}' \
        --set 'objective.beta={"start":0.1,"end":1,"kimg":600,"curve":"linear"}' --out RUN
    python3 tests/peers/mlp_vae_bound.py --data FASHION_MNIST --kimg 3000 --ours RUN/checkpoints/LAST/model.safetensors

The recipe (`vae-mlp`): two hidden layers of 500 ReLUs each way, 50 latents, Adam 1e-3 → 1e-4 by a cosine, β 0.1 → 1 over the
first fifth, batch 100, gradient norm at most 200, averaged weights with a half-life of 2 kimg; pixels drawn anew each time.
"""
import argparse, gzip, math, os, time
import numpy as np, torch, torch.nn as nn, torch.nn.functional as F
from safetensors.torch import load_file, save_file

p = argparse.ArgumentParser()
p.add_argument("--data", required=True)
p.add_argument("--kimg", type=float, default=3000)
p.add_argument("--seed", type=int, default=1)
p.add_argument("--ours", help="snapshot of a run of the studio")
p.add_argument("--peer", default="peer.safetensors", help="where the peer's weights are kept; trained if not there")
p.add_argument("--count", type=int, default=10000, help="test pictures")
p.add_argument("--k", type=int, default=5000)
a = p.parse_args()
torch.manual_seed(a.seed); torch.set_num_threads(2)
WIDTH, LATENT, BATCH = 500, 50, 100


def pictures(name):
    with gzip.open(os.path.join(a.data, name)) as f:
        return torch.from_numpy(np.frombuffer(f.read(), np.uint8, offset=16).reshape(-1, 784).copy())


class Vae(nn.Module):
    def __init__(s):
        super().__init__()
        s.encoder = nn.ModuleList([nn.Linear(784, WIDTH), nn.Linear(WIDTH, WIDTH)])
        s.head = nn.Linear(WIDTH, 2 * LATENT)
        s.decoder = nn.ModuleList([nn.Linear(LATENT, WIDTH), nn.Linear(WIDTH, WIDTH)])
        s.out = nn.Linear(WIDTH, 784)
        for l in list(s.encoder) + list(s.decoder): nn.init.normal_(l.weight, 0, math.sqrt(2 / l.in_features))
        nn.init.normal_(s.head.weight, 0, 0.1 / math.sqrt(WIDTH)); nn.init.normal_(s.out.weight, 0, 1 / math.sqrt(WIDTH))
        for l in s.modules():
            if isinstance(l, nn.Linear): nn.init.zeros_(l.bias)

    def encode(s, x):
        for l in s.encoder: x = F.relu(l(x))
        mean, log_variance = s.head(x).chunk(2, 1)
        return mean, log_variance.clamp(-14, 8)

    def decode(s, z):
        for l in s.decoder: z = F.relu(l(z))
        return s.out(z)


def nats(logits, t): return F.binary_cross_entropy_with_logits(logits, t, reduction="none").sum(-1)


def train():
    net, ema = Vae(), Vae()
    ema.load_state_dict(net.state_dict())
    x = pictures("train-images-idx3-ubyte.gz")
    # The studio keeps a twentieth of its pictures apart; so does the peer.
    order = torch.randperm(len(x)); x = x[order[len(x) // 20:]]
    opt = torch.optim.Adam(net.parameters(), lr=1e-3, betas=(0.9, 0.999), eps=1e-8)
    images, target, began = 0, int(a.kimg * 1000), time.time()
    perm, at = torch.randperm(len(x)), 0
    while images < target:
        take = []
        while len(take) < BATCH:
            if at == len(x): perm, at = torch.randperm(len(x)), 0
            n = min(BATCH - len(take), len(x) - at); take += perm[at:at + n].tolist(); at += n
        t = torch.bernoulli(x[take].float() / 255)
        share = min(images / target, 1)
        for g in opt.param_groups: g["lr"] = 1e-3 + (1e-4 - 1e-3) * (0.5 - 0.5 * math.cos(math.pi * share))
        beta = 0.1 + 0.9 * min(images / (target * 0.2), 1)
        mean, log_variance = net.encode(t * 2 - 1)
        z = mean + (log_variance / 2).exp() * torch.randn_like(mean)
        kl = (mean.square() + log_variance.exp() - log_variance - 1).sum(1) / 2
        reconstruction = nats(net.decode(z), t)
        loss = (reconstruction + beta * kl).mean()
        opt.zero_grad(); loss.backward()
        nn.utils.clip_grad_norm_(net.parameters(), 200)
        opt.step()
        half = min(2000, images * 0.05)
        decay = 0.5 ** (BATCH / half) if half > 0 else 0
        with torch.no_grad():
            for e, q in zip(ema.parameters(), net.parameters()): e.mul_(decay).add_(q, alpha=1 - decay)
        images += BATCH
        if images % 60000 == 0:
            print(f"{images / 1000:.0f} kimg  elbo {-(reconstruction + kl).mean().item():.2f}  {time.time() - began:.0f} s", flush=True)
    save_file(ema.state_dict(), a.peer)


def ours(path):
    state = {k: (v.t().contiguous() if k.endswith("weight") else v) for k, v in load_file(path).items()
             if k != "log_sigma" and not k.startswith("prior.")}
    net = Vae(); net.load_state_dict(state)
    return net


@torch.no_grad()
def bound(net, t, k, chunk=500):
    """Importance-weighted bound of binarised pictures with k samples, and the evidence lower bound of the same samples."""
    noise = torch.Generator().manual_seed(1)
    total, elbo = [], []
    for x in t:
        mean, log_variance = net.encode(x[None] * 2 - 1)
        weights = []
        for i in range(0, k, chunk):
            e = torch.randn(min(chunk, k - i), LATENT, generator=noise)
            z = mean + (log_variance / 2).exp() * e
            ratio = ((e.square() + log_variance - z.square()) / 2).sum(1)
            weights.append(ratio - nats(net.decode(z), x.expand(len(z), -1)))
        w = torch.cat(weights).double()
        total.append(torch.logsumexp(w, 0) - math.log(k)); elbo.append(w.mean())
    total, elbo = torch.stack(total), torch.stack(elbo)
    return total, elbo


if not os.path.exists(a.peer): train()
test = pictures("t10k-images-idx3-ubyte.gz")[:a.count].float() / 255
t = torch.bernoulli(test, generator=torch.Generator().manual_seed(7))
results = {}
nets = {"peer": Vae()}; nets["peer"].load_state_dict(load_file(a.peer))
if a.ours: nets["studio"] = ours(a.ours)
for name, net in nets.items():
    b, e = bound(net, t, a.k)
    results[name] = b
    print(f"{name}: bound (k = {a.k}) {b.mean():.3f}, elbo {e.mean():.3f} nats, {len(t)} test pictures", flush=True)
if a.ours:
    d = results["studio"] - results["peer"]
    print(f"studio − peer: {d.mean():.3f} ± {d.std() / math.sqrt(len(d)):.3f} nats")
