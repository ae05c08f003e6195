#!/usr/bin/env python3
"""Writes minilm-l3.safetensors, the network that reads text, from the crate `pocket-encoder`, and what its own software says of a
few texts, tests/fixtures/minilm.json.

    pip install numpy safetensors torch tokenizers==0.13.3 transformers==4.30.2
    curl -LO https://static.crates.io/crates/pocket-encoder/pocket-encoder-0.1.2.crate && tar xzf pocket-encoder-0.1.2.crate
    python3 checkpoints/make_minilm.py pocket-encoder-0.1.2

The weights are sentence-transformers/paraphrase-MiniLM-L3-v2 (Apache-2.0, Reimers & Gurevych 2019) with matrices of four
bits a number as the crate has them: groups of 32 numbers of a row share a scale, a number is (nibble - 8) * scale, the
low nibble first. Here they get the studio's names, positions end at the 128 tokens that are read, and the vocabulary of the
tokenizer lies beside them, one token a line. Nothing is rounded again.
"""
import json
import os
import sys

import numpy as np
from safetensors import safe_open
from safetensors.numpy import save_file

crate = sys.argv[1]
here = os.path.dirname(os.path.abspath(__file__))
assets = os.path.join(crate, "assets")
source = safe_open(os.path.join(assets, "model.safetensors"), "np")
shapes = json.load(open(os.path.join(assets, "shapes.json")))
TOKENS = 128
out = {}


def name_of(theirs):
    """The studio's name of a tensor; nothing where it is not needed."""
    if theirs.startswith("pooler."):
        return None
    fixed = {
        "embeddings.word_embeddings.weight": "words",
        "embeddings.position_embeddings.weight": "positions",
        "embeddings.token_type_embeddings.weight": "kinds",
        "embeddings.LayerNorm.weight": "norm.gamma",
        "embeddings.LayerNorm.bias": "norm.beta",
    }
    if theirs in fixed:
        return fixed[theirs]
    _, _, layer, rest = theirs.split(".", 3)
    part, field = rest.rsplit(".", 1)
    part = {
        "attention.self.query": "query",
        "attention.self.key": "key",
        "attention.self.value": "value",
        "attention.output.dense": "mix",
        "attention.output.LayerNorm": "mix_norm",
        "intermediate.dense": "widen",
        "output.dense": "narrow",
        "output.LayerNorm": "narrow_norm",
    }[part]
    if part.endswith("norm"):
        field = {"weight": "gamma", "bias": "beta"}[field]
    return f"layers.{layer}.{part}.{field}"


dense = {}
for theirs, shape in shapes.items():
    ours = name_of(theirs)
    if ours is None:
        continue
    if len(shape) == 1:
        dense[theirs] = out[ours] = source.get_tensor(theirs)
        continue
    rows, columns = shape
    nibbles = source.get_tensor(theirs + ".q4").reshape(rows, columns // 2)
    scales = source.get_tensor(theirs + ".scales").reshape(rows, columns // 32)
    rows = {"positions": TOKENS, "kinds": 1}.get(ours, rows)
    out[ours + ".q4"], out[ours + ".scales"] = nibbles[:rows].copy(), scales[:rows].copy()
    values = np.stack([nibbles & 15, nibbles >> 4], -1).reshape(-1, columns).astype(np.float32) - 8
    dense[theirs] = values * np.repeat(scales.astype(np.float32), 32, 1)

tokenizer = json.load(open(os.path.join(assets, "tokenizer.json"), encoding="utf8"))
vocabulary = [token for token, _ in sorted(tokenizer["model"]["vocab"].items(), key=lambda pair: pair[1])]
assert len(vocabulary) == len(out["words.q4"]) and not any("\n" in token for token in vocabulary)
out["vocabulary"] = np.frombuffer("\n".join(vocabulary).encode(), np.uint8)

card = {
    "name": "minilm-l3",
    "title": "MiniLM-L3",
    "summary": "Turns an English phrase into 384 numbers; phrases that mean the same lie close together",
    "data": "Paraphrase pairs, as told by sentence-transformers/paraphrase-MiniLM-L3-v2",
    "licence": "Apache-2.0",
    "attribution": "sentence-transformers/paraphrase-MiniLM-L3-v2 by UKPLab (Reimers & Gurevych 2019), four bits a number "
    "by the crate pocket-encoder 0.1.2 (MIT, Gonzih)",
    "parameters": int(sum(np.prod(v.shape) for v in dense.values())),
}
save_file(out, os.path.join(here, "minilm-l3.safetensors"), {"latent_studio_encoder": json.dumps(card)})

# What the reference says: transformers' BERT on these weights, tokenizers' tokens.
import torch  # noqa: E402
from tokenizers import Tokenizer  # noqa: E402
from transformers import BertConfig, BertModel  # noqa: E402

torch.set_num_threads(1)
model = BertModel(BertConfig(**json.load(open(os.path.join(assets, "config.json")))), add_pooling_layer=False).eval()
missing, unexpected = model.load_state_dict({k: torch.from_numpy(v) for k, v in dense.items()}, strict=False)
assert not unexpected and all("position_ids" in name for name in missing), (missing, unexpected)
words = Tokenizer.from_file(os.path.join(assets, "tokenizer.json"))
words.no_padding()
words.enable_truncation(TOKENS)
texts = [
    "a smiling face with glasses",
    "Grinning Face with Big Eyes",
    "red apple",
    "x",
    "flag: Côte d’Ivoire",
    "Ünïcödé naïveté — “quoted”, résumé…",
    "don't stop; it's 3.14% (or $5)!",
    "antidisestablishmentarianism pneumonoultramicroscopicsilicovolcanoconiosis",
    "tab\tand\nnewline\u00a0and zero\u200bwidth",
    "日本語 mixed with English",
    "smile 😀 and rocket 🚀",
    "q" * 101,
    "STRASSE straße İstanbul ǅ",
    "snake_case kebab-case camelCase 12345",
    "  spaces   around  ",
    "1\u20442 \u2460 \ufb01ne \u212b",
    "word " * 200 + "cat",
]
rows = []
for text in texts:
    ids = words.encode(text).ids
    with torch.no_grad():
        hidden = model(input_ids=torch.tensor([ids])).last_hidden_state[0]
    rows.append({"text": text, "ids": ids, "vector": [round(v, 6) for v in torch.nn.functional.normalize(hidden.mean(0), dim=0).tolist()]})
with open(os.path.join(here, "../tests/fixtures/minilm.json"), "w", encoding="utf8") as file:
    file.write("[\n" + ",\n".join(json.dumps(row, ensure_ascii=False) for row in rows) + "\n]\n")
