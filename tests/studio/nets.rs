//! The networks against PyTorch (`tests/fixtures/make_fixtures.py`), and what every row of the table must do.

use burn::module::Module;
use burn::optim::GradientsParams;
use burn::tensor::{Device, Tensor, TensorData};
use latent_studio::base::paths::source_tree;
use latent_studio::base::rng::Stream;
use latent_studio::base::{Channels, Family};
use latent_studio::models::io::Weights;
use latent_studio::models::{Critic, Generator, MODELS, ModelSpec, TokenVae, Vae};
use latent_studio::nn::diff_augment::{AugmentPlan, Change, apply};
use latent_studio::objectives::{elbo, penalty};
use latent_studio::recipe::{Likelihood, Recipe};

fn fixtures() -> Weights {
    let path = source_tree().join("tests/fixtures/nets.safetensors");
    Weights::read(&path).unwrap()
}

fn tensor<const D: usize>(of: &Weights, name: &str, device: &Device) -> Tensor<D> {
    let t = of.tensors.get(name).unwrap_or_else(|| panic!("{name} is not in the fixtures"));
    Tensor::from_data(TensorData::new(t.values.clone(), t.shape.clone()), device)
}

fn host<const D: usize>(t: Tensor<D>) -> Vec<f32> {
    t.into_data().try_into_vec().unwrap()
}

/// Largest difference, relative to the largest number.
fn off(got: &[f32], expected: &[f32]) -> f64 {
    assert_eq!(got.len(), expected.len());
    let largest = expected.iter().fold(0f64, |a, b| a.max(f64::from(b.abs()))).max(1e-9);
    got.iter().zip(expected).map(|(a, b)| f64::from((a - b).abs())).fold(0.0, f64::max) / largest
}

fn same<const D: usize>(got: Tensor<D>, of: &Weights, name: &str) {
    let expected = &of.tensors[name];
    assert_eq!(got.dims().to_vec(), expected.shape, "{name}");
    let off = off(&host(got), &expected.values);
    assert!(off < 2e-5, "{name} is off by {off}");
}

fn recipe(model: &str, resolution: u32, channels: Channels, width: u32, narrow: u32, latent: u32) -> Recipe {
    let mut r = Recipe::default();
    r.model.id = model.into();
    (r.data.resolution, r.data.channels) = (resolution.into(), channels);
    (r.model.width, r.model.narrow, r.model.latent) = (width, narrow, latent);
    r
}

/// The residual critic of the fixtures: 28 = 7·4, channels 6, 8, 8.
fn critic(of: &Weights, device: &Device) -> Critic {
    let critic = Critic::init(&recipe("res-gan", 28, Channels::Rgb, 8, 6, 4), device).unwrap();
    of.under("critic.weights.").load(critic).unwrap()
}

#[test]
fn the_residual_networks_are_those_of_pytorch() {
    let (of, device) = (fixtures(), Device::flex());
    same(critic(&of, &device).forward(tensor(&of, "critic.x", &device), None), &of, "critic.d");
    let padded = Critic::init(&recipe("res-gan", 36, Channels::Grey, 4, 4, 4), &device).unwrap();
    let padded = of.under("padded.weights.").load(padded).unwrap();
    same(padded.forward(tensor(&of, "padded.x", &device), None), &of, "padded.d");
    let generator = Generator::init(&recipe("res-gan", 36, Channels::Rgba, 6, 4, 5), &device).unwrap();
    let generator = of.under("generator.weights.").load(generator).unwrap();
    same(generator.forward(tensor(&of, "generator.z", &device), None), &of, "generator.pictures");
}

#[test]
fn dcgan_is_that_of_pytorch_in_training_and_inference() {
    let (of, device) = (fixtures(), Device::flex().autodiff());
    let r = recipe("dcgan", 16, Channels::Rgb, 8, 4, 5);
    let generator = of.under("dc_generator.weights.").load(Generator::init(&r, &device).unwrap()).unwrap();
    let critic = of.under("dc_critic.weights.").load(Critic::init(&r, &device).unwrap()).unwrap();
    let inner = device.clone().inner();
    let (z, x) = (tensor::<2>(&of, "dc.z", &inner), tensor::<4>(&of, "dc.x", &inner));
    same(generator.valid().forward(z.clone(), None), &of, "dc.valid_pictures");
    same(critic.valid().forward(x.clone(), None), &of, "dc.valid_d");
    same(generator.forward(z.clone().autodiff(), None).inner(), &of, "dc.train_pictures");
    same(critic.forward(x.autodiff(), None).inner(), &of, "dc.train_d");
    // The running statistics are there at once: nothing is lost in a checkpoint.
    let now = Weights::of(&generator);
    for i in 0..2 {
        let name = format!("norms.{i}.norm.running_mean");
        assert!(off(&now.tensors[&name].values, &of.tensors[&format!("dc.after.{name}")].values) < 1e-5, "{name}");
    }
    let back = generator.clone().into_record();
    let resumed = Generator::init(&r, &device).unwrap().load_record(back);
    assert_eq!(host(resumed.valid().forward(z.clone(), None)), host(generator.valid().forward(z, None)));
}

#[test]
fn the_convolutional_vae_is_that_of_pytorch() {
    let (of, device) = (fixtures(), Device::flex());
    let vae = Vae::init(&recipe("conv-vae", 36, Channels::Grey, 8, 4, 3), &device).unwrap();
    let vae = of.under("vae.weights.").load(vae).unwrap();
    let (mean, log_variance) = vae.encode(tensor(&of, "vae.x", &device), None);
    same(mean, &of, "vae.mean");
    same(log_variance, &of, "vae.log_variance");
    same(vae.decode(tensor(&of, "vae.z", &device), None), &of, "vae.decoded");
}

/// The heart of it: parameter gradients of penalties against double backward.
#[test]
fn penalties_have_the_gradients_of_double_backward() {
    let (of, device) = (fixtures(), Device::flex().autodiff());
    let critic = critic(&of, &device);
    let x: Tensor<4> = tensor(&of, "critic.x", &device.clone().inner());
    for (name, (value, surrogate)) in [
        ("zero_centred", penalty::zero_centred(&critic, x.clone(), None, 1.5)),
        ("one_centred", penalty::one_centred(&critic, x.clone(), None, 10.0)),
    ] {
        same(value, &of, &format!("{name}.value"));
        let grads = GradientsParams::from_grads(surrogate.backward(), &critic);
        let expected = of.under(&format!("{name}.grads."));
        let mut seen = Gradients { grads: &grads, path: Default::default(), found: Weights::default() };
        critic.visit(&mut seen);
        let (mut squares, mut errors) = (0f64, 0f64);
        for (parameter, e) in &expected.tensors {
            // A bias that only moves the value has no gradient, or a zero one.
            let zeros = vec![0.0; e.values.len()];
            let got = seen.found.tensors.get(parameter).map_or(&zeros, |t| &t.values);
            for (g, e) in got.iter().zip(&e.values) {
                squares += f64::from(e * e);
                errors += f64::from((g - e).powi(2));
            }
        }
        let relative = (errors / squares).sqrt();
        assert!(squares > 0.0 && relative < 1e-5, "{name}: gradients are off by {relative}");
    }
    let u: Tensor<4> = tensor(&of, "critic.u", &device.clone().inner());
    let (d, tangent) = critic.dual(x, u, None);
    same(d.inner(), &of, "critic.d");
    same(tangent.inner(), &of, "critic.tangent");
}

struct Gradients<'a> {
    grads: &'a GradientsParams,
    path: latent_studio::nn::param_path::Path,
    found: Weights,
}

impl burn::module::ModuleVisitor for Gradients<'_> {
    fn enter_module(&mut self, name: &str, container: &str) {
        self.path.enter(name, container);
    }
    fn exit_module(&mut self, _: &str, container: &str) {
        self.path.exit(container);
    }
    fn visit_float<const D: usize>(&mut self, param: &burn::module::Param<Tensor<D>>) {
        if let Some(grad) = self.grads.get::<D>(param.id) {
            let shape = grad.dims().to_vec();
            let values = host(grad);
            self.found.tensors.insert(self.path.name(), latent_studio::models::io::HostTensor { shape, values });
        }
    }
}

#[test]
fn augmentation_is_that_of_its_reference() {
    let (of, device) = (fixtures(), Device::flex());
    let numbers = |name: &str| &of.tensors[name].values;
    let (colour, shift, centre) = (numbers("augment.colour"), numbers("augment.shift"), numbers("augment.centre"));
    let changes = (0..3).map(|i| {
        let [r, s, c] = [colour[3 * i], colour[3 * i + 1], colour[3 * i + 2]];
        // The reference gathers from (i + t): pictures move against t.
        let band = |at: f32| ((at as i32 - 5).clamp(0, 20) as usize, (at as i32 + 5).clamp(0, 20) as usize);
        let ((top, bottom), (left, right)) = (band(centre[2 * i]), band(centre[2 * i + 1]));
        Change {
            colour: Some([r - 0.5, s * 2.0, c + 0.5]),
            shift: Some([-(shift[2 * i] as i32), -(shift[2 * i + 1] as i32)]),
            cutout: Some([top, bottom, left, right]),
            ..Change::default()
        }
    });
    let plan = AugmentPlan { changes: changes.collect() };
    same(apply(tensor(&of, "augment.x", &device), &plan), &of, "augment.y");
}

#[test]
fn every_model_works_at_odd_sizes_in_every_colour() {
    let device = Device::flex().autodiff();
    for spec in MODELS {
        for (resolution, channels) in [(16, Channels::Rgba), (28, Channels::Grey), (36, Channels::Rgb)] {
            let mut r = recipe(spec.id, resolution, channels, 12, 6, 3);
            r.model.blocks = 2;
            let (side, c) = (resolution as usize, channels.count());
            let x = Stream::new(2, "x").normals(2 * c * side * side);
            let x: Tensor<4> = Tensor::from_data(TensorData::new(x, [2, c, side, side]), &device);
            let z: Tensor<2> = Tensor::from_data(TensorData::new(Stream::new(3, "z").normals(6), [2, 3]), &device);
            match spec.family {
                Family::Gan => {
                    for (conditional, expansion) in [(false, 0), (true, 2)] {
                        r.model.conditional = conditional;
                        (r.model.expansion, r.model.group) = (expansion, 3);
                        r.model.classes = vec!["a".into(), "b".into(), "c".into()];
                        works(&r, x.clone(), z.clone(), spec);
                    }
                }
                Family::Vae => {
                    for likelihood in [Likelihood::Bernoulli, Likelihood::Gaussian] {
                        r.objective.likelihood = likelihood;
                        let vae = Vae::init(&r, &device).unwrap();
                        let (mean, log_variance) = vae.encode(x.clone(), None);
                        assert_eq!((mean.dims(), log_variance.dims()), ([2, 3], [2, 3]));
                        let kl = elbo::kl_per_dim(mean.clone(), log_variance.clone()).mean();
                        let decoded = vae.decode(elbo::reparameterise(mean, log_variance, z.clone()), None);
                        assert_eq!(decoded.dims(), [2, c, side, side]);
                        let picture = host(vae.to_picture(decoded.clone()).inner());
                        assert!(picture.iter().all(|v| (-1.0..=1.0).contains(v)));
                        let target = (x.clone() * 0.1 + 0.5).clamp(0.0, 1.0);
                        let loss = elbo::reconstruction(likelihood, decoded, target, vae.log_sigma()) + kl;
                        assert!(loss.clone().into_scalar::<f32>().is_finite());
                        let grads = GradientsParams::from_grads(loss.backward(), &vae);
                        let expected = count(&vae) - usize::from(likelihood == Likelihood::Bernoulli);
                        assert_eq!(grads.len(), expected, "{}", spec.id);
                    }
                }
                Family::Tokens => {
                    let net = TokenVae::init(&r, &device).unwrap();
                    let z = net.encode(x.clone());
                    let quantised = net.quantise(z.clone());
                    let ids = latent_studio::models::host_ids(quantised.ids.clone());
                    assert!(ids.len() == 2 * 64 && ids.iter().all(|id| (*id as usize) < net.codes()), "{}", spec.id);
                    let again = host(net.vectors(&ids, &device).inner());
                    assert!(
                        host(quantised.exact.clone().without_autodiff())
                            .iter()
                            .zip(&again)
                            .all(|(a, b)| (a - b).abs() < 1e-6)
                    );
                    let decoded = net.decode(quantised.through);
                    assert_eq!(decoded.dims(), [2, c, side, side]);
                    let loss = (decoded - x.clone()).square().mean() + (z - quantised.exact).square().mean();
                    let grads = GradientsParams::from_grads(loss.backward(), &net);
                    assert_eq!(grads.len(), count(&net), "{}", spec.id);
                }
                Family::Prior => {}
            }
        }
    }
}

/// Pictures and judgements of the right shape, and every weight of both networks trained by them.
fn works(r: &Recipe, x: Tensor<4>, z: Tensor<2>, spec: &ModelSpec) {
    let device = x.device();
    let (generator, critic) = (Generator::init(r, &device).unwrap(), Critic::init(r, &device).unwrap());
    assert_eq!(generator.latent(), 3);
    let class = Tensor::<2>::from_floats([[0.0, 1.0, 0.0], [0.5, 0.0, 0.5]], &device.clone().inner());
    let class = r.model.conditional.then_some(&class);
    let fake = match generator.styled() {
        Some(net) => {
            let noise = net.draw_noise(&mut Stream::new(4, "noise"), 2, &device.clone().inner());
            net.synthesize(net.spread(net.map_latents(z, class)), noise)
        }
        None => generator.forward(z, class),
    };
    assert_eq!(fake.dims(), x.dims());
    let (features, d_fake) = critic.features(fake, class);
    assert_eq!((features.dims()[0], d_fake.dims()), (2, [2, 1]));
    let mut loss = (d_fake - critic.forward(x.clone(), class)).mean();
    if let Some(redrawn) = critic.redrawing_loss(x) {
        loss = loss + redrawn;
    }
    trained(&generator, &critic, loss.backward(), spec.id);
    let parts = spec.parameters(r);
    assert_eq!(parts.iter().map(|p| p.1).sum::<usize>(), spec.parameter_count(r));
    let plain =
        Recipe { model: latent_studio::recipe::ModelRecipe { conditional: false, ..r.model.clone() }, ..r.clone() };
    assert_eq!(r.model.conditional, spec.parameter_count(r) > spec.parameter_count(&plain), "{}", spec.id);
}

/// Tangents of every critic that takes penalties, against differences.
#[test]
fn every_critic_has_tangents() {
    let device = Device::flex().autodiff();
    let inner = device.clone().inner();
    for spec in MODELS.iter().filter(|m| m.family == Family::Gan) {
        for expansion in [0, 2] {
            let mut r = recipe(spec.id, 16, Channels::Rgb, 8, 6, 3);
            (r.model.expansion, r.model.group) = (expansion, 4);
            r.model.conditional = true;
            r.model.classes = vec!["a".into(), "b".into()];
            let critic = Critic::init(&r, &device).unwrap();
            if !critic.takes_penalty() || expansion > 0 && spec.id != "res-gan" {
                continue;
            }
            // Away from zero-initialised layers, where everything is linear.
            let critic = shaken(critic);
            let tensor = |name: &str| {
                let values = Stream::new(5, name).normals(4 * 3 * 256);
                Tensor::<4>::from_data(TensorData::new(values, [4, 3, 16, 16]), &inner)
            };
            let class = Tensor::<2>::from_floats([[1.0, 0.0], [0.0, 1.0], [0.5, 0.5], [0.0, 0.0]], &inner);
            let (x, u) = (tensor("x"), tensor("u"));
            // Tangents by a replayed tape are those of the whole dual pass.
            if !critic.is_curved() {
                let (_, trace) = critic.valid().trace(x.clone(), Some(&class));
                let (replayed, whole) =
                    (critic.valid().tangent(u.clone(), &trace), critic.valid().dual(x, u, Some(&class)).1);
                assert_eq!(host(replayed), host(whole), "{}", spec.id);
            }
        }
    }
}

/// Every weight moved a little, always the same way.
fn shaken(critic: Critic) -> Critic {
    let direction = Direction::named(&critic, "shake");
    direction.moved(critic, 0.3)
}

/// A direction in the space of a network's weights.
struct Direction(Weights);

impl Direction {
    fn named<M: Module>(module: &M, name: &str) -> Self {
        let mut weights = Weights::of(module);
        weights.tensors.retain(|n, _| !n.contains("running_"));
        for (n, tensor) in &mut weights.tensors {
            let count = tensor.values.len();
            let size = 1.0 / (count as f32).sqrt();
            tensor.values = Stream::new(8, &format!("{name} {n}")).normals(count).iter().map(|v| v * size).collect();
        }
        Self(weights)
    }

    fn moved<M: Module>(&self, module: M, t: f64) -> M {
        let mut weights = Weights::of(&module);
        for (name, tensor) in &mut weights.tensors {
            if let Some(by) = self.0.tensors.get(name) {
                tensor.values.iter_mut().zip(&by.values).for_each(|(w, d)| *w += (t * f64::from(*d)) as f32);
            }
        }
        weights.load(module).unwrap()
    }
}

fn trained(generator: &Generator, critic: &Critic, mut grads: burn::tensor::Gradients, id: &str) {
    let of_generator = GradientsParams::from_module(&mut grads, generator);
    assert_eq!(of_generator.len(), count(generator), "{id}: not every weight of the generator is trained");
    let of_critic = GradientsParams::from_module(&mut grads, critic);
    assert_eq!(of_critic.len(), count(critic), "{id}: not every weight of the critic is trained");
}

/// Trainable tensors of a network.
fn count<M: Module>(module: &M) -> usize {
    Weights::of(module).tensors.keys().filter(|n| !n.contains("running_")).count()
}

/// Features are shown at every place, from the smallest size up, and what a probe gives back goes on.
#[test]
fn probes_see_and_change_the_features_of_every_network() {
    let device = Device::flex();
    for spec in MODELS.iter().filter(|m| matches!(m.family, Family::Gan | Family::Vae)) {
        let mut r = recipe(spec.id, 16, Channels::Rgb, 16, 8, 5);
        r.model.expansion = if spec.id == "res-gan" { 2 } else { 0 };
        let z = Tensor::<2>::random([2, 5], burn::tensor::Distribution::Normal(0.0, 1.0), &device);
        let mut shown = Vec::new();
        let run = |probe: &mut dyn FnMut(usize, Tensor<4>) -> Tensor<4>| match spec.family {
            Family::Gan => {
                let g = Generator::init(&r, &device).unwrap();
                let plain = host(g.forward(z.clone(), None));
                (g.taps(), plain, host(g.forward_probed(z.clone(), None, probe)))
            }
            Family::Vae => {
                let v = Vae::init(&r, &device).unwrap();
                let plain = host(v.decode(z.clone(), None));
                (v.taps(), plain, host(v.decode_probed(z.clone(), None, probe)))
            }
            Family::Tokens | Family::Prior => unreachable!("left out above"),
        };
        let (taps, plain, seen) = run(&mut |i, x| {
            shown.push((i, x.dims()));
            x
        });
        assert_eq!(plain, seen, "{}", spec.id);
        assert!(taps >= 1, "{}", spec.id);
        assert_eq!(shown.iter().map(|s| s.0).collect::<Vec<_>>(), (0..taps).collect::<Vec<_>>(), "{}", spec.id);
        assert!(shown.windows(2).all(|w| w[0].1[2] <= w[1].1[2]) && shown.iter().all(|s| s.1[0] == 2));
        for tap in 0..taps {
            let (_, _, changed) = run(&mut |i, x| if i == tap { x * 0.0 + 0.5 } else { x });
            assert_ne!(changed, plain, "{} at {tap}", spec.id);
        }
    }
}

#[test]
fn first_weights_depend_on_seed_and_name_only() {
    let r = recipe("res-gan", 16, Channels::Rgb, 8, 8, 4);
    let (a, b) = (Device::flex(), Device::flex().autodiff());
    let hash = |seed: u64, device: &Device| {
        Weights::of(&Generator::init(&Recipe { seed, ..r.clone() }, device).unwrap()).hash()
    };
    assert_eq!(hash(1, &a), hash(1, &b));
    assert_ne!(hash(1, &a), hash(2, &a));
    // Frozen: a change here would break every run that is resumed from its recipe alone.
    assert_eq!(&hash(1, &a)[..16], FIRST_WEIGHTS);
}

const FIRST_WEIGHTS: &str = "2f05166286b02a2b";

#[test]
fn weights_survive_a_file_and_fit_where_they_can() {
    let device = Device::flex();
    let small = recipe("res-gan", 16, Channels::Rgb, 8, 8, 4);
    let generator = Generator::init(&small, &device).unwrap();
    let weights = Weights::of(&generator).with("latent_studio", "{\"name\":\"ä\"}");
    let bytes = weights.to_bytes();
    assert_eq!(bytes, weights.to_bytes());
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.safetensors");
    weights.write(&path).unwrap();
    let back = Weights::read(&path).unwrap();
    assert_eq!(back, weights);
    assert_eq!(Weights::read_metadata(&path).unwrap(), weights.metadata);

    let other = Recipe { seed: 7, ..small.clone() };
    let loaded = back.load(Generator::init(&other, &device).unwrap()).unwrap();
    assert_eq!(Weights::of(&loaded).hash(), weights.hash());

    // Another latent size: only the layer that reads latents is fresh.
    let mut wider = small.clone();
    wider.model.latent = 6;
    let fresh = Generator::init(&wider, &device).unwrap();
    assert!(back.load(fresh.clone()).is_err());
    let (fitted, fit) = back.load_fitting(fresh);
    assert_eq!(fit.fresh.len(), 1, "{fit:?}");
    assert!(fit.fresh[0].starts_with("fc.weight") && fit.unused == ["fc.weight"]);
    assert_eq!(fit.loaded.len() + 1, weights.tensors.len());
    assert_eq!(Weights::of(&fitted).tensors["rgb.weight"], weights.tensors["rgb.weight"]);

    for end in [0, 5, 40, bytes.len() - 1] {
        assert!(Weights::from_bytes(&bytes[..end]).is_err(), "cut at {end}");
    }
    assert!(Weights::from_bytes(&[0xff; 64]).is_err());
}

#[test]
fn loading_into_a_network_in_training_keeps_it_in_training() {
    let device = Device::flex().autodiff();
    let r = recipe("res-gan", 16, Channels::Rgb, 8, 8, 4);
    let from = Weights::of(&Generator::init(&Recipe { seed: 9, ..r.clone() }, &device).unwrap());
    let net = from.load(Generator::init(&r, &device).unwrap()).unwrap();
    let loss = net.forward(Tensor::ones([2, 4], &device), None).mean();
    assert_eq!(GradientsParams::from_grads(loss.backward(), &net).len(), count(&net));
}
