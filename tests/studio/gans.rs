//! Every GAN of the zoo against PyTorch (`tests/fixtures/make_gan_fixtures.py`): outputs, gradients of losses, and gradients
//! of penalties against double backward.

use burn::module::{Module, ModuleVisitor, Param};
use burn::optim::GradientsParams;
use burn::tensor::{Device, Tensor, TensorData};
use latent_studio::base::Channels;
use latent_studio::base::paths::source_tree;
use latent_studio::models::io::{HostTensor, Weights};
use latent_studio::models::{Critic, Generator};
use latent_studio::nn::activation::softplus;
use latent_studio::nn::param_path::Path;
use latent_studio::objectives::penalty;
use latent_studio::recipe::Recipe;

fn fixtures() -> Weights {
    Weights::read(&source_tree().join("tests/fixtures/gans.safetensors")).unwrap()
}

fn tensor<const D: usize>(of: &Weights, name: &str, device: &Device) -> Tensor<D> {
    let t = of.tensors.get(name).unwrap_or_else(|| panic!("{name} is not in the fixtures"));
    Tensor::from_data(TensorData::new(t.values.clone(), t.shape.clone()), device)
}

fn host<const D: usize>(t: Tensor<D>) -> Vec<f32> {
    t.into_data().try_into_vec().unwrap()
}

/// Length of the difference, relative to the length of what is expected.
fn off(got: &[f32], expected: &[f32]) -> f64 {
    assert_eq!(got.len(), expected.len());
    let length = |v: &mut dyn Iterator<Item = f32>| v.map(|v| f64::from(v).powi(2)).sum::<f64>().sqrt();
    let difference = length(&mut got.iter().zip(expected).map(|(a, b)| a - b));
    difference / length(&mut expected.iter().copied()).max(1e-12)
}

struct Gradients<'a> {
    grads: &'a GradientsParams,
    path: Path,
    found: Weights,
}

impl ModuleVisitor for Gradients<'_> {
    fn enter_module(&mut self, name: &str, container: &str) {
        self.path.enter(name, container);
    }
    fn exit_module(&mut self, _: &str, container: &str) {
        self.path.exit(container);
    }
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        if let Some(grad) = self.grads.get::<D>(param.id) {
            let shape = grad.dims().to_vec();
            self.found.tensors.insert(self.path.name(), HostTensor { shape, values: host(grad) });
        }
    }
}

/// All gradients by weights against those of the fixture, as one long vector.
fn same_gradients<M: Module>(of: &Weights, name: &str, module: &M, grads: &GradientsParams, tolerance: f64) {
    let mut seen = Gradients { grads, path: Path::default(), found: Weights::default() };
    module.visit(&mut seen);
    let expected = of.under(&format!("{name}."));
    assert!(!expected.tensors.is_empty(), "{name} is not in the fixtures");
    let (mut got, mut wanted) = (Vec::new(), Vec::new());
    for (parameter, e) in &expected.tensors {
        match seen.found.tensors.get(parameter) {
            Some(g) => {
                assert_eq!(g.shape, e.shape, "{name}.{parameter}");
                got.extend_from_slice(&g.values);
            }
            // A weight that the loss does not reach.
            None => got.extend(vec![0.0; e.values.len()]),
        }
        wanted.extend_from_slice(&e.values);
    }
    for parameter in seen.found.tensors.keys() {
        assert!(expected.tensors.contains_key(parameter), "{name}.{parameter} is not in the fixtures");
    }
    let off = off(&got, &wanted);
    assert!(off < tolerance, "{name}: gradients are off by {off}");
}

fn recipe(id: &str, resolution: u32, width: u32, expansion: u32) -> Recipe {
    let mut r = Recipe::default();
    r.model.id = id.into();
    (r.data.resolution, r.data.channels) = (resolution.into(), Channels::Rgb);
    (r.model.width, r.model.narrow, r.model.latent) = (width, 6, 5);
    (r.model.expansion, r.model.group) = (expansion, 4);
    r.model.blocks = if id == "mlp-gan" { 2 } else { 1 };
    r.model.conditional = true;
    r.model.classes = vec!["a".into(), "b".into(), "c".into()];
    r
}

#[test]
fn gans_are_those_of_pytorch() {
    let (of, device) = (fixtures(), Device::flex().autodiff());
    let inner = device.clone().inner();
    for (name, r) in [
        ("style", recipe("style-gan", 28, 8, 0)),
        ("wide", recipe("res-gan", 16, 8, 2)),
        ("sn", recipe("sn-resgan", 16, 8, 0)),
        ("fast", recipe("fast-gan", 16, 8, 0)),
        ("mlp", recipe("mlp-gan", 16, 12, 0)),
    ] {
        let at = |what: &str| format!("{name}.{what}");
        let load = |part: &str| of.under(&at(&format!("{part}.")));
        let generator = load("g").load(Generator::init(&r, &device).unwrap()).unwrap();
        let critic = load("d").load(Critic::init(&r, &device).unwrap()).unwrap();
        let class = tensor::<2>(&of, &at("class"), &inner);
        let (z, x) = (tensor::<2>(&of, &at("z"), &inner), tensor::<4>(&of, &at("x"), &inner));
        let pictures = match generator.styled() {
            Some(net) => {
                let noise = (0..5).map(|i| tensor(&of, &at(&format!("noise.{i}")), &inner)).collect();
                net.synthesize(net.spread(net.map_latents(z, Some(&class))), Some(noise))
            }
            None => generator.forward(z, Some(&class)),
        };
        let close = |what: &str, got: Vec<f32>| {
            let off = off(&got, &of.tensors[&at(what)].values);
            assert!(off < 1e-4, "{name}.{what} is off by {off}");
        };
        close("pictures", host(pictures.clone().inner()));
        close("judged", host(critic.forward(x.clone(), Some(&class)).inner()));

        let frozen = critic.clone().no_grad();
        let loss = softplus(frozen.forward(pictures, Some(&class)).neg()).mean();
        let grads = GradientsParams::from_grads(loss.backward(), &generator);
        same_gradients(&of, &at("g_grads"), &generator, &grads, 1e-3);
        let loss = softplus(critic.forward(x.clone(), Some(&class)).neg()).mean();
        let grads = GradientsParams::from_grads(loss.backward(), &critic);
        same_gradients(&of, &at("d_grads"), &critic, &grads, 1e-3);

        let (r1, r1_surrogate) = penalty::zero_centred(&critic, x.clone(), Some(&class), 1.5);
        let (gp, gp_surrogate) = penalty::one_centred(&critic, x.clone(), Some(&class), 10.0);
        close("penalty", host((r1 + gp).inner()));
        let grads = GradientsParams::from_grads((r1_surrogate + gp_surrogate).backward(), &critic);
        same_gradients(&of, &at("penalty_grads"), &critic, &grads, 1e-4);

        if let Some(loss) = critic.redrawing_loss(x) {
            close("redrawing", host(loss.clone().inner()));
            let grads = GradientsParams::from_grads(loss.backward(), &critic);
            same_gradients(&of, &at("redrawing_grads"), &critic, &grads, 1e-3);
        }
    }
}
