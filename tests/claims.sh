#!/usr/bin/env bash
# What the README claims of models, measured again: each claim by its name.
#
#     LATENT_STUDIO=target/release/latent-studio tests/claims.sh CLAIM
#
# CLAIM: grid25 | collapse | bound | prior | mig | few | transfer | quality. Work is kept in $CLAIMS (default: claims) and gone on with.
# FASHION is a folder with the IDX files of Fashion-MNIST, THREE_D one with the 312 three-dimensional emoji faces and animals
# of Fluent; NOUNS one with 10,000 Nouns of 32 px; R3GAN is a script of a small R3GAN in PyTorch that takes --data, --seconds,
# --threads, --samples and --out. PYTHON has torch and safetensors.
set -euo pipefail
studio=$(realpath "${LATENT_STUDIO:-target/release/latent-studio}")
here=$(realpath "$(dirname "$0")")
mkdir -p "${CLAIMS:-claims}" && cd "${CLAIMS:-claims}"
export LATENT_STUDIO_HOME=$PWD/home

run() { # NAME ARGUMENTS: a run, gone on with if it was left
  local name=$1; shift
  if [ -d "$name" ]; then "$studio" train --resume "$name" --device cpu >/dev/null
  else "$studio" train "$@" --device cpu --out "$name" >/dev/null; fi
}
line() { echo "{\"start\":$1,\"end\":$2,\"kimg\":$3}"; }
score() { echo "== $1"; "$studio" evaluate --model "./$1" --device cpu "${@:2}"; }

case "${1:?name a claim}" in
grid25) # all 25 modes, nearly all samples good: the preset as it is
  run grid25 --data points:grid25 --preset mlp-gan
  score grid25 --metrics modes --count 2500 ;;
collapse) # the plain network with the loss of 2014 and no penalty loses modes
  run collapse --data points:grid25 --preset mlp-gan --kimg 1000 --set model.waves=0 \
    --set "optim.lr=$(line 0.001 0.0001 1000)" --set objective.adversarial=non-saturating \
    --set objective.r1=false --set objective.r2=false
  score collapse --metrics modes --count 2500 ;;
bound) # the same network and recipe here and in PyTorch
  run bound --data "$FASHION/train-images-idx3-ubyte.gz" --preset vae-mlp --resolution 28 --kimg 3000 \
    --set objective.vae.binarise=true --set data.channels=grey --set "optim.lr=$(line 0.001 0.0001 3000)" \
    --set 'objective.beta={"start":0.1,"end":1,"kimg":600,"curve":"linear"}'
  "${PYTHON:-python3}" "$here/peers/mlp_vae_bound.py" --data "$FASHION" --kimg 3000 \
    --ours "$(ls -d bound/checkpoints/*/ | tail -1)model.safetensors" --count 2000 --k 5000 ;;
prior) # the same VAE drawn from N(0, I) and through a fitted prior
  run prior --data "$FASHION/train-images-idx3-ubyte.gz" --preset vae --resolution 28 --kimg 1200 --set data.channels=grey \
    --set model.latent=16 --set model.width=128 --set "optim.lr=$(line 0.001 0.00005 1200)" \
    --set 'objective.beta={"start":0.1,"end":1,"kimg":150,"curve":"linear"}'
  score prior --data "$FASHION/t10k-images-idx3-ubyte.gz" --metrics fid,kid --count 5000
  "$studio" prior fit --model ./prior --count 60000 --device cpu
  score prior --data "$FASHION/t10k-images-idx3-ubyte.gz" --metrics fid,kid --count 5000
  "$studio" prior remove --model ./prior ;;
mig) # total correlation against a plain VAE, five seeds each, on grey shapes
  for seed in 1 2 3 4 5; do
    for kind in vae tc; do
      charge=(--set 'objective.beta={"start":1,"end":1,"kimg":0,"curve":"linear"}')
      [ $kind = vae ] || charge=(--set objective.vae.charge=total-correlation
        --set 'objective.beta={"start":1,"end":8,"kimg":50,"curve":"linear"}')
      run "$kind-$seed" --data shapes:40000 --preset vae --resolution 32 --kimg 250 --seed $seed --set data.channels=grey \
        --set model.latent=10 --set model.width=64 --set "optim.lr=$(line 0.001 0.0001 250)" "${charge[@]}"
      score "$kind-$seed" --metrics mig --count 4000
    done
  done ;;
few) # a tenth of the emoji, without and with DiffAugment, against all of them
  for strength in 0 0.8; do
    run "few-$strength" --data emoji --preset gan-tiny --resolution 32 --kimg 80 --set data.limit=190 \
      --set data.channels=rgb --set objective.augment=$strength
    score "few-$strength" --data emoji --metrics kid --count 1800
  done ;;
transfer) # flat emoji to three-dimensional ones, against learning those from nothing
  run base --data emoji:smileys+people+animals --preset gan --resolution 32 --kimg 80 --set data.channels=rgb \
    --set objective.augment=0.4
  run fine --data "$THREE_D" --preset gan --resolution 32 --from ./base --kimg 8 --checkpoint-kimg 1 --set run.keep=8
  run scratch --data "$THREE_D" --preset gan --resolution 32 --kimg 48 --checkpoint-kimg 4 --set data.channels=rgb \
    --set run.keep=12
  for model in fine@4 fine@8 scratch@4 scratch@48; do score $model --data "$THREE_D" --metrics kid --count 2000; done ;;
quality) # the small preset against a small R3GAN in PyTorch, side by side, a core and 15 minutes each
  ( export RAYON_NUM_THREADS=1
    taskset -c 0 timeout -s INT 900 "$studio" train --data "$NOUNS" --preset gan-tiny --resolution 32 --kimg "${KIMG:-110}" \
      --set data.channels=rgb --checkpoint-kimg 10 --device cpu --out quality >/dev/null ) &
  OMP_NUM_THREADS=1 taskset -c 1 "${PYTHON:-python3}" "$R3GAN" --data "$NOUNS" --seconds 900 --threads 1 --samples 2000 \
    --out quality-peer >/dev/null
  wait
  score quality --data "$NOUNS" --metrics kid --count 2000 --versus-pictures "$PWD/quality-peer/samples" ;;
*) echo "no claim of this name: $1" >&2; exit 2 ;;
esac
