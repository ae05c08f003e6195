//! State dicts of PyTorch's own examples, read and computed (`tests/fixtures/make_pytorch_files.py`).

use std::path::PathBuf;

use burn::module::Module;
use burn::tensor::{Device, Tensor, TensorData};
use latent_studio::base::paths::source_tree;
use latent_studio::base::rng::Stream;
use latent_studio::base::{Family, Resolution};
use latent_studio::latent::catalog;
use latent_studio::latent::model::LoadedModel;
use latent_studio::models::io::Weights;
use latent_studio::models::{Generator, MODELS, TokenPrior, TokenVae, Vae, pytorch};
use latent_studio::recipe::Recipe;
use latent_studio::recipe::picture::Latent;

use crate::common::Home;

fn file(name: &str) -> PathBuf {
    source_tree().join("tests/fixtures").join(name)
}

fn tensor<const D: usize>(of: &Weights, name: &str, shape: [usize; D]) -> Tensor<D> {
    Tensor::from_data(TensorData::new(of.tensors[name].values.clone(), shape), &Device::flex())
}

fn close<const D: usize>(got: Tensor<D>, of: &Weights, name: &str) {
    let (got, expected): (Vec<f32>, _) = (got.into_data().try_into_vec().unwrap(), &of.tensors[name].values);
    assert_eq!(got.len(), expected.len(), "{name}");
    let off = got.iter().zip(expected).map(|(a, b)| (a - b).abs()).fold(0f32, f32::max);
    assert!(off < 2e-5, "{name} is off by {off}");
}

#[test]
fn the_classics_of_pytorch_compute_the_same_here() {
    let (of, device) = (Weights::read(&file("pytorch.safetensors")).unwrap(), Device::flex());
    let (recipe, weights) = pytorch::read(&file("dcgan_generator.pth")).unwrap();
    assert_eq!((recipe.model.id.as_str(), recipe.data.resolution, recipe.model.latent), ("dcgan", 64.into(), 6));
    let generator = weights.load(Generator::blank(&recipe, &device).unwrap()).unwrap().valid();
    close(generator.forward(tensor(&of, "g.z", [2, 6]), None), &of, "g.pictures");

    let (recipe, weights) = pytorch::read(&file("vae_example.pt")).unwrap();
    assert_eq!((recipe.model.id.as_str(), recipe.data.resolution, recipe.model.width), ("mlp-vae", 28.into(), 10));
    let vae = weights.load(Vae::blank(&recipe, &device).unwrap()).unwrap().valid();
    let x: Tensor<4> = tensor(&of, "v.x", [2, 1, 28, 28]) * 2.0 - 1.0;
    let (mean, log_variance) = vae.encode(x, None);
    close(mean, &of, "v.mean");
    close(log_variance, &of, "v.log_variance");
    let pictures = vae.to_picture(vae.decode(tensor(&of, "v.z", [2, 4]), None));
    close((pictures + 1.0) * 0.5, &of, "v.pictures");
}

#[test]
fn a_pytorch_file_is_a_model_like_any_other_and_others_say_why_not() {
    let home = Home::new();
    let paths = home.paths();
    let info = catalog::import(&file("dcgan_generator.pth"), &paths).unwrap();
    assert_eq!((info.name.as_str(), info.architecture.as_str()), ("dcgan_generator", "dcgan"));
    let model = LoadedModel::open("dcgan_generator", &paths, "cpu").unwrap();
    let direct = LoadedModel::open(file("dcgan_generator.pth").to_str().unwrap(), &paths, "cpu").unwrap();
    let latents = [Latent::Seed { seed: 4 }];
    assert_eq!(model.generate(&latents, 1.0).unwrap(), direct.generate(&latents, 1.0).unwrap());

    let critic = pytorch::read(&file("dcgan_critic.pth")).unwrap_err();
    assert!(critic.what.contains("critic") && critic.remedy.is_some(), "{critic}");
    let broken = home.path("broken.pth");
    let bytes = std::fs::read(file("dcgan_generator.pth")).unwrap();
    for end in [0, 10, bytes.len() / 2] {
        std::fs::write(&broken, &bytes[..end]).unwrap();
        assert_eq!(pytorch::read(&broken).unwrap_err().exit_code(), 3);
    }
}

/// A Python with PyTorch, if there is one: `LATENT_STUDIO_PYTHON`, or `python3`.
fn python() -> Option<String> {
    let python = std::env::var("LATENT_STUDIO_PYTHON").unwrap_or_else(|_| "python3".into());
    let here = std::process::Command::new(&python).args(["-c", "import torch, safetensors"]).output();
    here.is_ok_and(|o| o.status.success()).then_some(python)
}

#[test]
fn every_model_opens_in_pytorch_by_its_script() {
    let Some(python) = python() else {
        println!("skipped: no Python with torch and safetensors here (set LATENT_STUDIO_PYTHON)");
        return;
    };
    let (home, device) = (Home::new(), Device::flex());
    for spec in MODELS {
        for (expansion, resolution) in [(0, 28.into()), (2, 28.into()), (0, Resolution::new(20, 48))] {
            if expansion > 0 && spec.id != "res-gan" {
                continue;
            }
            let mut r = Recipe { seed: 5, ..Recipe::default() };
            (r.model.id, r.data.resolution) = (spec.id.into(), resolution);
            (r.model.width, r.model.narrow, r.model.latent, r.model.blocks) = (12, 6, 5, 2);
            (r.model.expansion, r.model.group) = (expansion, 4);
            r.model.conditional = true;
            r.model.classes = vec!["a".into(), "b".into()];
            let (z, c) = (Stream::new(1, "z").normals(15), vec![1.0f32, 0.0, 0.5, 0.5, 0.0, 0.0]);
            let (mut z, c) = (matrix(z, 3, 5), matrix(c, 3, 2));
            let (weights, pictures) = match spec.family {
                Family::Gan => {
                    let net = shaken(Generator::init(&r, &device).unwrap()).valid();
                    (Weights::of(&net), net.forward(z.clone(), Some(&c)))
                }
                Family::Vae => {
                    let net = shaken(Vae::init(&r, &device).unwrap()).valid();
                    (Weights::of(&net), net.to_picture(net.decode(z.clone(), Some(&c))))
                }
                Family::Tokens => {
                    let net = shaken(TokenVae::init(&r, &device).unwrap()).valid();
                    let [h, w] = resolution.grid();
                    let x = Stream::new(4, "x").normals(3 * 3 * h * w);
                    let ids = net.tokens(Tensor::from_data(TensorData::new(x, [3, 3, h, w]), &device));
                    let vectors = net.vectors(&ids, &device);
                    let [b, d, h, w] = vectors.dims();
                    z = vectors.reshape([b, d * h * w]);
                    (Weights::of(&net), net.pictures(&ids, &device))
                }
                Family::Prior => {
                    r.model.tokens.heads = 3;
                    r.model.tokens.layout = [2, 2];
                    let net = shaken(TokenPrior::init(&r, &device).unwrap()).valid();
                    let given: Vec<u32> = (0..3 * net.dims().length() as u32).map(|i| i * 7 % 250).collect();
                    z = matrix(given.iter().map(|id| *id as f32).collect(), 3, net.dims().length());
                    let scores = net.scores(&given, None);
                    let [n, k] = scores.dims();
                    (Weights::of(&net), scores.reshape([n, k, 1, 1]))
                }
            };
            let info = serde_json::json!({ "family": spec.family.id(), "recipe": r });
            let path = home.path(&format!("{}-{expansion}-{resolution}.safetensors", spec.id));
            weights.with("latent_studio", info.to_string()).write(&path).unwrap();
            let script = catalog::write_loader(&path).unwrap();
            let module = script.file_stem().unwrap().to_str().unwrap();
            let host = |t: Tensor<2>| t.into_data().try_into_vec::<f32>().unwrap();
            let code = format!(
                "import json, torch, sys; sys.path.insert(0, '.'); from {module} import load\n\
                 m = load('{}')\nz, c = torch.tensor({:?}).view(3, -1), torch.tensor({:?}).view(3, 2)\n\
                 x = (m.generate(z, c) if hasattr(m, 'generate') else m(z.long())).detach()\nprint(json.dumps(x.flatten().tolist()))\n\
                 assert not hasattr(m, 'generate') or x.shape[2:] == {:?}\n\
                 assert m.id != 'conv-vae' or m.encode(x, c)[0].shape == (3, 5)",
                path.file_name().unwrap().to_str().unwrap(),
                host(z),
                host(c),
                (resolution.height, resolution.width)
            );
            let out =
                std::process::Command::new(&python).current_dir(home.dir.path()).args(["-c", &code]).output().unwrap();
            assert!(out.status.success(), "{}: {}", spec.id, String::from_utf8_lossy(&out.stderr));
            let theirs: Vec<f32> = serde_json::from_slice(&out.stdout).unwrap();
            let ours: Vec<f32> = pictures.into_data().try_into_vec().unwrap();
            assert_eq!(ours.len(), theirs.len(), "{}", spec.id);
            let off = ours.iter().zip(&theirs).map(|(a, b)| (a - b).abs()).fold(0f32, f32::max);
            let size = ours.iter().map(|v| v.abs()).fold(0f32, f32::max);
            assert!(off < 1e-4 * size.max(1.0), "{} {expansion} {resolution} is off by {off} of {size}", spec.id);
        }
    }
}

fn matrix(values: Vec<f32>, rows: usize, columns: usize) -> Tensor<2> {
    Tensor::from_data(TensorData::new(values, [rows, columns]), &Device::flex())
}

/// Away from zero-initialised layers.
fn shaken<M: Module>(module: M) -> M {
    let mut weights = Weights::of(&module);
    for (name, tensor) in &mut weights.tensors {
        let by = Stream::new(8, name).normals(tensor.values.len());
        tensor
            .values
            .iter_mut()
            .zip(by)
            .for_each(|(w, d)| *w += if name.contains("running_var") { 0.1 * d.abs() } else { 0.1 * d });
    }
    weights.load(module).unwrap()
}
