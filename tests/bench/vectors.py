#!/usr/bin/env python3
"""Brute force in NumPy float32 over the vectors that `latent-studio bench vectors --out DIR` wrote, and its answers.

    OPENBLAS_NUM_THREADS=2 python3 tests/bench/vectors.py DIR --dims 256

Prints one line of JSON: median and 95th percentile in ms of a matrix-vector product with the ten largest, and for how
many queries the ten are the same rows as ours.
"""
import argparse, json, pathlib, time

import numpy as np

p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
p.add_argument("dir", type=pathlib.Path)
p.add_argument("--dims", type=int, default=256)
p.add_argument("--k", type=int, default=10)
a = p.parse_args()

rows = np.fromfile(a.dir / "vectors.f32", np.float32).reshape(-1, a.dims)
queries = np.fromfile(a.dir / "queries.f32", np.float32).reshape(-1, a.dims)
ours = json.loads((a.dir / "answers.json").read_text())
times, same = [], 0
rows @ queries[0]
for query, answer in zip(queries, ours):
    begun = time.perf_counter()
    scores = rows @ query
    top = np.argpartition(-scores, a.k)[: a.k]
    top = top[np.argsort(-scores[top], kind="stable")]
    times.append((time.perf_counter() - begun) * 1e3)
    # In single precision neighbours may change places; as a set they are the same.
    same += set(top.tolist()) == set(answer)
print(json.dumps({"rows": len(rows), "p50_ms": np.percentile(times, 50), "p95_ms": np.percentile(times, 95),
                  "same": same, "queries": len(ours), "numpy": np.__version__}))
