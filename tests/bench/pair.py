#!/usr/bin/env python3
"""Our training step against another framework's on this machine, in turn (A B A B …), as the README's table.

    python3 tests/bench/pair.py --ours target/release/latent-studio --peer peer_torch.py [--python PYTHON]

The peer prints one line of JSON with step_ms, sample_ms and params for --arch, --batch, --steps and --threads; its
networks must have as many parameters as ours. Ratios are taken turn by turn, so that what else the machine does falls
on both alike; the table shows medians. Memory is the most that each process held.
"""
import argparse, json, os, statistics, subprocess, sys, tempfile

ARCHS = ["bench-dcgan32", "bench-resgan32", "bench-vae32", "bench-vae28"]


def run(command, threads):
    """The last line of JSON that a command prints, and the most memory that it held, in MB."""
    env = dict(os.environ, RAYON_NUM_THREADS=str(threads), OMP_NUM_THREADS=str(threads))
    with tempfile.TemporaryFile("w+") as out:
        child = subprocess.Popen(command, stdout=out, env=env)
        _, status, usage = os.wait4(child.pid, 0)
        if status:
            sys.exit(f"{command} failed")
        out.seek(0)
        report = json.loads(out.read().strip().splitlines()[-1])
    report["memory_mb"] = usage.ru_maxrss / (1e6 if sys.platform == "darwin" else 1e3)
    return report


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--ours", default="target/release/latent-studio")
    p.add_argument("--peer", required=True, help="Python script of the peer")
    p.add_argument("--python", default=sys.executable, help="interpreter that has the peer's framework")
    p.add_argument("--arch", action="append", choices=ARCHS)
    p.add_argument("--rounds", type=int, default=5)
    p.add_argument("--steps", type=int, default=20)
    p.add_argument("--batch", type=int, default=64)
    p.add_argument("--threads", type=int, default=2)
    a = p.parse_args()
    shared = lambda arch: ["--arch", arch, "--batch", str(a.batch), "--steps", str(a.steps)]
    print(f"batch {a.batch}, {a.threads} threads, medians of {a.rounds} turns of {a.steps} steps\n")
    print("| network | step, ours / peer | ratio (least–most) | 64 samples, ours / peer | ratio | memory, ours / peer | ratio |")
    print("|---|---|---|---|---|---|---|")
    for arch in a.arch or ARCHS:
        ours, peer = [], []
        for _ in range(a.rounds):
            ours.append(run([a.ours, "bench", "train", *shared(arch), "--json"], a.threads))
            peer.append(run([a.python, a.peer, *shared(arch), "--threads", str(a.threads)], a.threads))
            if ours[-1]["params"] != peer[-1]["params"]:
                sys.exit(f"{arch}: {ours[-1]['params']} parameters are not {peer[-1]['params']}")
        cell = []
        for key, unit in (("step_ms", "ms"), ("sample_ms", "ms"), ("memory_mb", "MB")):
            values = [[r[key] for r in side] for side in (ours, peer)]
            ratios = [x / y for x, y in zip(*values)]
            cell.append(f"{statistics.median(values[0]):.4g} / {statistics.median(values[1]):.4g} {unit}")
            spread = f" ({min(ratios):.2f}–{max(ratios):.2f})" if key == "step_ms" else ""
            cell.append(f"**{statistics.median(ratios):.2f}**{spread}")
        print(f"| `{arch}` | " + " | ".join(cell) + " |", flush=True)


if __name__ == "__main__":
    main()
