//! Pivotal tuning (Roich, Mokady, Bermano & Cohen-Or 2021): the latent stays, the generator comes closer to the picture.
//!
//! What the generator makes of other latents is held where it was, so that directions and films still work. The result
//! is a model of its own, a child of the first.

use burn::module::{Module, ModuleMapper, Param};
use burn::optim::GradientsParams;
use burn::tensor::Tensor;

use super::super::latent_forward::{Conditioning, LatentSpace};
use super::super::latent_optimizer::beside;
use super::super::model::{LoadedModel, Net};
use crate::base::paths::Paths;
use crate::base::rng::Stream;
use crate::base::{Picture, Problem, Progress, Result};
use crate::models::Generator;
use crate::models::info::ModelInfo;
use crate::models::io::METADATA;
use crate::models::io::Weights;
use crate::nn::param_path::Path;
use crate::nn::per_picture;
use crate::recipe::picture::{Latent, Space};
use crate::train::optim::{Adam, AdamSettings};
use crate::train::tensors;

/// Learning rate.
const RATE: f64 = 5e-4;
/// Latents in a step that are held where they were.
const LOCAL: usize = 4;
/// Weight of holding them.
const HOLD: f64 = 1.0;

/// Puts parameters, but not running statistics, into training.
#[derive(Default)]
struct Awake {
    path: Path,
}

impl ModuleMapper for Awake {
    fn enter_module(&mut self, name: &str, container: &str) {
        self.path.enter(name, container);
    }

    fn exit_module(&mut self, _: &str, container: &str) {
        self.path.exit(container);
    }

    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        if self.path.is_buffer() { param } else { param.map(|t| t.inner().autodiff().require_grad()) }
    }
}

/// Of a model tuned to a picture.
pub struct Tuned {
    /// The tuned model, by name; it is among the imported ones.
    pub info: ModelInfo,
    /// What it makes of the latent.
    pub picture: Picture,
    /// How alike that is to the picture, in dB.
    pub psnr: f64,
}

impl LoadedModel {
    /// Brings the generator closer to a picture at a latent, and keeps the result as a model of its own.
    ///
    /// # Errors
    /// The model is a VAE, the disk is full, or it was cancelled.
    pub fn tune(
        &self,
        picture: &Picture,
        latent: &Latent,
        steps: u32,
        paths: &Paths,
        progress: &dyn Progress,
    ) -> Result<Tuned> {
        let Net::Gan(generator) = &self.net else {
            return Err(Problem::usage("Only a GAN can be tuned to a picture").of(self.info.name.clone()));
        };
        let (x, inputs) = self.taken_in(std::slice::from_ref(picture));
        let freedom = match latent.place() {
            p if p.space == Space::W && p.values.len() > self.latent() => LatentSpace::WPlus,
            p if p.space == Space::W => LatentSpace::W,
            _ => LatentSpace::Z,
        };
        let row = self.rows_of(std::slice::from_ref(latent), freedom)?;
        let row = tensors::matrix(row.concat(), 1, self.row(freedom), &self.device);
        let held = [self.held(latent)];
        let mut net: Generator = (**generator).clone().map(&mut Awake::default());
        let (mut adam, mut stream) = (Adam::new(), Stream::new(1, "tuning"));
        for step in 0..steps {
            progress.report("Tuning the model", u64::from(step), u64::from(steps));
            progress.cancel().check()?;
            let z = tensors::matrix(stream.normals(LOCAL * self.latent()), LOCAL, self.latent(), &self.device);
            let others = vec![Conditioning { class: held[0].class.clone(), noise: Some(u64::from(step)) }; LOCAL];
            let before = self.draw(z.clone(), LatentSpace::Z, &others, &mut |_, x| x);
            let now = self.draw_by(&net, z, LatentSpace::Z, &others, &mut |_, x| x);
            let y = self.draw_by(&net, row.clone(), freedom, &held, &mut |_, x| x);
            let error = per_picture((beside(y, &x) - x.clone()).square()).mean_dim(1).sum();
            let drift = per_picture((now - before).square()).mean_dim(1).mean();
            let loss = error + drift * HOLD;
            let grads = GradientsParams::from_grads(loss.backward(), &net);
            let lr = RATE * (1.0 - f64::from(step) / f64::from(steps)).max(0.05);
            let settings = AdamSettings { lr, beta1: 0.9, beta2: 0.999, epsilon: 1e-8, clip_norm: 1.0 };
            net = adam.step(settings, net, grads).0;
        }
        progress.report("Keeping the model", u64::from(steps), u64::from(steps));
        let weights = Weights::of(&net.valid());
        let name = free_name(&format!("{} tuned", self.info.name), paths);
        let mut info = ModelInfo {
            model: name.clone(),
            name: name.clone(),
            hash: weights.hash(),
            parent: Some(self.info.hash.clone()),
            shipped: false,
            card: None,
            ..self.info.clone()
        };
        let text =
            serde_json::to_string(&info).map_err(|e| Problem::failed("The model could not be kept").because(e))?;
        let file = paths.models().join(format!("{name}.safetensors"));
        let weights = weights.with(METADATA, text);
        weights.write(&file)?;
        info.bytes = std::fs::metadata(&file).map_or(0, |m| m.len());
        let tuned = Self::from_weights(&weights, info.clone(), "cpu")?;
        let made = tuned.generate(std::slice::from_ref(latent), 1.0)?;
        let picture = made.into_iter().next().ok_or_else(|| Problem::failed("The tuned model made no picture"))?;
        let psnr = self.likeness(&inputs[0], &picture);
        Ok(Tuned { info, picture, psnr })
    }
}

fn free_name(wanted: &str, paths: &Paths) -> String {
    let taken = |name: &String| paths.models().join(format!("{name}.safetensors")).exists();
    let numbered = (2..).map(|n| format!("{wanted} {n}"));
    std::iter::once(wanted.to_string()).chain(numbered).find(|n| !taken(n)).unwrap_or_else(|| wanted.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::progress::Quiet;
    use crate::latent::testing::fresh;

    #[test]
    fn a_tuned_model_is_closer_to_the_picture_and_alike_elsewhere() {
        let home = tempfile::tempdir().unwrap();
        let paths = Paths::under(home.path());
        let model = fresh("dcgan", 16, 8);
        let other = |seed: u64, m: &LoadedModel| m.generate(&[Latent::Seed { seed }], 1.0).unwrap().remove(0);
        let (latent, wanted) = (Latent::Seed { seed: 1 }, other(2, &model));
        let before = model.likeness(&wanted, &other(1, &model));
        let tuned = model.tune(&wanted, &latent, 60, &paths, &Quiet::default()).unwrap();
        assert!(tuned.psnr > before + 1.0, "{before} {}", tuned.psnr);
        let child = LoadedModel::open(&tuned.info.model, &paths, "cpu").unwrap();
        assert_eq!(child.info().parent.as_ref(), Some(&model.info().hash));
        assert_ne!(child.info().hash, model.info().hash);
        assert_eq!(other(1, &child), tuned.picture);
        let drift = model.likeness(&other(9, &model), &other(9, &child));
        assert!(drift > tuned.psnr.min(20.0), "{drift}");
    }
}
