//! The VAE networks against PyTorch (`tests/fixtures/make_vae_fixtures.py`).

use burn::module::{Module, ModuleVisitor, Param};
use burn::optim::GradientsParams;
use burn::tensor::{Device, Tensor, TensorData};
use latent_studio::base::Channels;
use latent_studio::base::paths::source_tree;
use latent_studio::models::io::{HostTensor, Weights};
use latent_studio::models::{Draw, Vae};
use latent_studio::nn::param_path::Path;
use latent_studio::objectives::elbo;
use latent_studio::recipe::{Likelihood, Recipe};

fn fixtures() -> Weights {
    let path = source_tree().join("tests/fixtures/vaes.safetensors");
    Weights::read(&path).unwrap()
}

fn tensor<const D: usize>(of: &Weights, name: &str, device: &Device) -> Tensor<D> {
    let t = of.tensors.get(name).unwrap_or_else(|| panic!("{name} is not in the fixtures"));
    Tensor::from_data(TensorData::new(t.values.clone(), t.shape.clone()), device)
}

/// Root of the summed squares of what is off, relative to that of the numbers themselves.
fn off(got: &[f32], expected: &[f32]) -> f64 {
    assert_eq!(got.len(), expected.len());
    let square = |v: f32| f64::from(v).powi(2);
    let size: f64 = expected.iter().map(|v| square(*v)).sum();
    let error: f64 = got.iter().zip(expected).map(|(a, b)| square(a - b)).sum();
    (error / size.max(1e-12)).sqrt()
}

fn same<const D: usize>(got: Tensor<D>, of: &Weights, name: &str) {
    let expected = &of.tensors[name];
    assert_eq!(got.dims().to_vec(), expected.shape, "{name}");
    let off = off(&got.inner().into_data().try_into_vec::<f32>().unwrap(), &expected.values);
    assert!(off < 1e-5, "{name} is off by {off}");
}

/// Gradients by the names of their parameters.
struct Named<'a> {
    grads: &'a GradientsParams,
    path: Path,
    found: Weights,
}

impl ModuleVisitor for Named<'_> {
    fn enter_module(&mut self, name: &str, container: &str) {
        self.path.enter(name, container);
    }
    fn exit_module(&mut self, _: &str, container: &str) {
        self.path.exit(container);
    }
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        if let Some(grad) = self.grads.get::<D>(param.id) {
            let shape = grad.dims().to_vec();
            let values = grad.into_data().try_into_vec::<f32>().unwrap();
            self.found.tensors.insert(self.path.name(), HostTensor { shape, values });
        }
    }
}

/// Key in the fixtures, model, resolution, channels, width, narrow, blocks, latent, levels.
type Case = (&'static str, &'static str, u32, Channels, [u32; 5]);

const CASES: [Case; 5] = [
    ("mlp-vae", "mlp-vae", 16, Channels::Grey, [8, 4, 2, 3, 2]),
    ("conv-vae", "conv-vae", 36, Channels::Grey, [8, 4, 1, 3, 2]),
    ("res-vae", "res-vae", 28, Channels::Rgb, [8, 3, 3, 3, 2]),
    ("ladder-vae", "ladder-vae", 36, Channels::Grey, [8, 3, 2, 4, 2]),
    ("ladder-vae-4", "ladder-vae", 16, Channels::Rgb, [6, 2, 1, 6, 4]),
];

fn recipe((_, id, resolution, channels, [width, narrow, blocks, latent, levels]): &Case) -> Recipe {
    let mut r = Recipe::default();
    r.model.conditional = true;
    r.model.classes = ["a", "b", "c"].map(String::from).to_vec();
    r.model.id = (*id).into();
    (r.data.resolution, r.data.channels) = ((*resolution).into(), *channels);
    (r.model.width, r.model.narrow, r.model.blocks) = (*width, *narrow, *blocks);
    (r.model.latent, r.model.levels) = (*latent, *levels);
    r.objective.likelihood = Likelihood::Gaussian;
    r
}

#[test]
fn every_vae_is_that_of_pytorch_with_its_gradients() {
    let (of, device) = (fixtures(), Device::flex().autodiff());
    for case in &CASES {
        let key = case.0;
        let vae = Vae::init(&recipe(case), &device).unwrap();
        let vae = of.under(&format!("{key}.weights.")).load(vae).unwrap();
        let x: Tensor<4> = tensor(&of, &format!("{key}.x"), &device);
        let draw = Draw::Noise(tensor(&of, &format!("{key}.noise"), &device));
        let shares: Tensor<2> = tensor(&of, &format!("{key}.class"), &device);
        for (kind, class) in [("plain", None), ("classes", Some(&shares))] {
            let (posterior, decoded) = vae.forward(x.clone(), &draw, class);
            let name = |what: &str| format!("{key}.{kind}.{what}");
            same(posterior.mean.clone(), &of, &name("mean"));
            same(posterior.log_variance.clone(), &of, &name("log_variance"));
            same(decoded.clone(), &of, &name("decoded"));
            // The same by way of its parts.
            same(vae.decode(posterior.z.clone(), class), &of, &name("decoded"));
            let again = vae.infer(x.clone(), &Draw::Given(posterior.z), class);
            same(again.mean, &of, &name("mean"));

            let target = (x.clone() + 1.0) * 0.5;
            let reconstruction = elbo::reconstruction(Likelihood::Gaussian, decoded, target, vae.log_sigma());
            let kl = elbo::kl_per_dim(posterior.mean, posterior.log_variance).sum_dim(1).mean();
            let loss = reconstruction + kl;
            same(loss.clone(), &of, &name("loss"));
            let grads = GradientsParams::from_grads(loss.backward(), &vae);
            let mut named = Named { grads: &grads, path: Path::default(), found: Weights::default() };
            vae.visit(&mut named);
            let expected = of.under(&name("grads."));
            assert!(!expected.tensors.is_empty());
            for (parameter, expected) in &expected.tensors {
                let found = named.found.tensors.get(parameter);
                let off = off(&found.unwrap_or_else(|| panic!("{key}: {parameter}")).values, &expected.values);
                assert!(off < 1e-4, "{key} {kind}: the gradient of {parameter} is off by {off}");
            }
            if class.is_none() {
                assert_eq!(named.found.tensors.len(), expected.tensors.len(), "{key}");
            }
        }
    }
}

/// Rows are the first latent of all pictures, then the second of all, and so on.
#[test]
fn several_latents_of_a_picture_are_those_of_each_alone() {
    let device = Device::flex();
    for case in &CASES {
        let r = recipe(case);
        let vae = Vae::init(&r, &device).unwrap();
        let (side, c, dim) = (r.data.resolution.width as usize, r.data.channels.count(), r.model.latent as usize);
        let numbers = |seed: u64, n: usize| latent_studio::base::rng::Stream::new(seed, "numbers").normals(n);
        let x: Tensor<4> =
            Tensor::from_data(TensorData::new(numbers(1, 2 * c * side * side), [2, c, side, side]), &device);
        let noise: Tensor<2> = Tensor::from_data(TensorData::new(numbers(2, 6 * dim), [6, dim]), &device);
        let all = vae.infer(x.clone(), &Draw::Noise(noise.clone()), None);
        for k in 0..3 {
            let rows = 2 * k..2 * k + 2;
            let alone = vae.infer(x.clone(), &Draw::Noise(noise.clone().slice([rows.clone(), 0..dim])), None);
            let host = |t: Tensor<2>| t.into_data().try_into_vec::<f32>().unwrap();
            let mine = |t: &Tensor<2>| host(t.clone().slice([rows.clone(), 0..dim]));
            assert!(off(&mine(&all.z), &host(alone.z)) < 1e-5, "{}", case.0);
            assert!(off(&mine(&all.mean), &host(alone.mean)) < 1e-5, "{}", case.0);
        }
    }
}
