"""Brings about what the training doctor looks for, on small data, beside runs that are left alone, and counts.

    python3 tests/doctor/provoke.py --studio target/release/latent-studio --out FOLDER [--seeds 1,2,3] [--only NAME,…]

Every run is an ordinary `train` over data that comes with the studio; what is in FOLDER already is not run again. A fault
counts as found where `doctor RUN --json` names it; whatever is named in a healthy run is a false alarm.
"""

import argparse
import json
import pathlib
import subprocess

GAN = ["--model", "res-gan", "--data", "emoji", "--resolution", "16", "--set", "data.channels=rgb",
       "--set", "model.width=48", "--set", "model.narrow=16", "--set", "run.preview_kimg=1"]
DCGAN = ["--model", "dcgan", "--data", "emoji", "--resolution", "16", "--set", "data.channels=rgb",
         "--set", "model.width=48", "--set", "model.narrow=16", "--set", "run.preview_kimg=1"]
VAE = ["--model", "conv-vae", "--data", "fashion", "--resolution", "28", "--set", "model.width=32",
       "--set", "model.narrow=16", "--set", "run.preview_kimg=4"]
PHOTOLIKE = ["--model", "conv-vae", "--data", "emoji", "--resolution", "32", "--set", "data.channels=rgb",
             "--set", "model.width=48", "--set", "model.narrow=24", "--set", "run.preview_kimg=2"]


def changed(base, kimg, **settings):
    return base + ["--kimg", str(kimg)] + [a for k, v in settings.items() for a in ("--set", f"{k.replace('__', '.')}={v}")]


FAULTS = {
    "critic-overfits": changed(GAN, 24, data__limit=220, objective__gamma=0.02, optim__lr=0.001),
    "critic-too-strong": changed(GAN, 24, objective__adversarial="hinge", objective__r1="false", objective__r2="false",
                                 objective__critic_steps=3),
    "critic-too-weak": changed(GAN, 24, objective__gamma=1000),
    "mode-collapse": changed(DCGAN, 24, objective__adversarial="non-saturating", objective__r1="false",
                             objective__r2="false", optim__lr=0.004),
    "generator-stuck": changed(GAN, 24, optim__lr=1e-7),
    "weights-growing": changed(GAN, 24, objective__adversarial="wasserstein", objective__r1="false",
                               objective__r2="false", optim__lr=0.01),
    "augmentation-saturated": changed(GAN, 32, data__limit=220, objective__augment_control="adaptive",
                                      objective__ada_kimg=2, objective__ada_target=0.05, objective__gamma=0.02),
    "decoder-dead": changed(VAE, 60, optim__lr=0.03),
    "posterior-collapse": changed(VAE, 40, objective__beta=100),
    "kl-too-heavy": changed(VAE, 60, objective__beta=30),
    "kl-too-light": changed(VAE, 60, objective__beta=0.001),
    "vae-overfits": changed(VAE, 120, data__limit=250, model__width=64, optim__lr=0.002),
    "blurred": changed(PHOTOLIKE, 80, objective__beta=12),
    "too-few-pictures": changed(GAN, 4, data__limit=60),
}

HEALTHY = {
    "gan": changed(GAN, 32),
    "gan-augmented": changed(GAN, 32, objective__augment=0.5),
    "gan-shapes": changed([a if a != "emoji" else "shapes" for a in GAN], 32),
    "gan-fashion": changed([a if a != "emoji" else "fashion" for a in GAN], 32),
    "dcgan": changed(DCGAN, 32),
    "dcgan-shapes": changed([a if a != "emoji" else "shapes" for a in DCGAN], 32),
    "vae": changed(VAE, 100),
    "vae-shapes": changed([a if a != "fashion" else "shapes" for a in VAE], 100),
    "vae-emoji": changed(PHOTOLIKE, 100),
    "vae-beta": changed(VAE, 100, objective__beta=3),
}


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--studio", required=True)
    p.add_argument("--out", required=True, type=pathlib.Path)
    p.add_argument("--seeds", default="1,2,3")
    p.add_argument("--only", default="")
    a = p.parse_args()
    only = set(filter(None, a.only.split(",")))
    a.out.mkdir(parents=True, exist_ok=True)
    found, provoked, alarms, healthy, delays = 0, 0, 0, 0, []
    for kind, table in (("fault", FAULTS), ("healthy", HEALTHY)):
        for name, arguments in table.items():
            if only and name not in only:
                continue
            for seed in a.seeds.split(","):
                run = a.out / f"{kind}-{name}-{seed}"
                if not (run / "done").exists():
                    subprocess.run([a.studio, "train", *arguments, "--seed", seed, "--checkpoint-kimg", "16", "--out", str(run)],
                                   stdout=subprocess.DEVNULL, stderr=(a.out / "log").open("a"))
                    (run / "done").touch() if run.exists() else None
                said = subprocess.run([a.studio, "doctor", str(run), "--json"], capture_output=True, text=True).stdout
                findings = [json.loads(line) for line in said.splitlines()]
                named = [f["name"] for f in findings if f["course"] == "found"]
                if kind == "fault":
                    provoked += 1
                    found += name in named
                    delays += [f["images"] / 1000 for f in findings if f["name"] == name][:1]
                else:
                    healthy += 1
                    alarms += len(named)
                print(kind, name, seed, "found" if name in named else "-", named, flush=True)
    print(f"found {found} of {provoked} provoked; {alarms} false alarms in {healthy} healthy runs; "
          f"first said at {sorted(delays)} kimg")


main()
