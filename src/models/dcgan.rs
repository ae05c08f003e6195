//! DCGAN: transposed convolutions up, strided convolutions down, batch norm between.
//!
//! After Radford, Metz & Chintala, "Unsupervised representation learning with deep convolutional GANs" (2015):
//! normal weights of 0.02, leaky ReLU in the critic, ReLU in the generator, tanh at its end.

use burn::module::Module;
use burn::tensor::Tensor;

use super::gan::{CriticNetwork, GeneratorNetwork};
use super::io::trainable;
use super::outline::Stages;
use super::probe::Probe;
use super::{ModelSpec, NetworkDims, Networks};
use crate::nn::conv::{Conv, Deconv};
use crate::nn::dual::{ActivationTape, Dual};
use crate::nn::embed::{Embed, judge};
use crate::nn::init::Init;
use crate::nn::linear::Linear;
use crate::nn::norm::Norm;
use crate::nn::{activation, resample};
use crate::recipe::architecture;

const STD: f64 = 0.02;

/// What builds it.
pub(super) const SPEC: ModelSpec = ModelSpec::new(
    architecture::DCGAN,
    Networks::Gan {
        generator: |_, dims, init| DcGenerator::new(dims, init).into(),
        critic: |_, dims, init| DcCritic::new(dims, init).into(),
    },
    r#"
@model("dcgan")
class Dcgan(Generator):
    def generate(self, z, c=None):
        x = self.on_grid(self.embed("embed", self.linear("fc", z), c))
        for i in range(self.count("deconvs")): x = self.deconv(f"deconvs.{i}", F.relu(self.norm(f"norms.{i}", x)))
        return torch.tanh(crop(x, self.size))
"#,
);

/// Generator: a linear map to `base × base`, then transposed convolutions up to the picture.
#[derive(Module, Debug)]
pub struct DcGenerator {
    /// To `width · base²` numbers.
    pub fc: Linear,
    /// Before each transposed convolution.
    pub norms: Vec<Norm>,
    /// Each doubles the size; the last one makes colours.
    pub deconvs: Vec<Deconv>,
    /// Classes.
    pub embed: Option<Embed>,
    #[module(skip)]
    base: [usize; 2],
    #[module(skip)]
    resolution: [usize; 2],
}

impl DcGenerator {
    pub(crate) fn new(plan: &NetworkDims, init: &Init<'_>) -> Self {
        let mut channels = plan.channels(plan.doublings);
        let norms =
            channels.iter().enumerate().map(|(i, &c)| Norm::new(&init.child(format_args!("norms.{i}")), c, STD));
        let norms = norms.collect();
        let start = channels[0] * plan.base_area();
        let fc = Linear::new(&init.child("fc"), plan.latent, start, STD);
        let embed = Embed::new(&init.child("embed"), plan.classes, start, STD * (plan.latent as f64).sqrt());
        channels.push(plan.colours);
        let deconvs = channels.windows(2).enumerate();
        let deconvs = deconvs.map(|(i, c)| Deconv::double(&init.child(format_args!("deconvs.{i}")), c[0], c[1], STD));
        Self { fc, norms, deconvs: deconvs.collect(), embed, base: plan.base, resolution: plan.resolution }
    }
}

impl GeneratorNetwork for DcGenerator {
    fn forward_probed(&self, z: Tensor<2>, class: Option<&Tensor<2>>, probe: Probe<'_>) -> Tensor<4> {
        let x = Embed::add(self.embed.as_ref(), self.fc.forward(z), class);
        let mut x = super::on_grid(x, self.base);
        for (i, (norm, deconv)) in self.norms.iter().zip(&self.deconvs).enumerate() {
            x = deconv.after_relu(probe(i, norm.forward(x)));
        }
        activation::tanh(resample::cropped(x, self.resolution))
    }

    fn taps(&self) -> usize {
        self.norms.len()
    }

    fn first_weights(&self) -> Tensor<2> {
        self.fc.weight.val()
    }

    fn stages(&self, out: &mut Stages<'_>) {
        let channels = out.dims.channels(out.dims.doublings);
        out.vector("Classes", channels[0] * out.dims.base_area(), &[trainable(&self.embed)]);
        out.grid("From the latent", (self.base, channels[0]), &[trainable(&self.fc)]);
        for (i, (norm, deconv)) in self.norms.iter().zip(&self.deconvs).enumerate() {
            let outputs = channels.get(i + 1).copied().unwrap_or(out.dims.colours);
            let parts = [trainable(norm), trainable(deconv)];
            out.grid("Transposed convolution", (self.base.map(|b| b << (i + 1)), outputs), &parts);
        }
    }
}

/// Critic: strided convolutions down to `base × base`, then a linear map to one number.
#[derive(Module, Debug)]
pub struct DcCritic {
    /// Each halves the size.
    pub convs: Vec<Conv>,
    /// After each convolution but the first.
    pub norms: Vec<Norm>,
    /// The judgement.
    pub fc: Linear,
    /// Classes.
    pub embed: Option<Embed>,
    #[module(skip)]
    built: [usize; 2],
}

impl DcCritic {
    pub(crate) fn new(plan: &NetworkDims, init: &Init<'_>) -> Self {
        let mut channels = plan.channels(plan.doublings);
        let last = channels[0] * plan.base_area();
        channels.push(plan.colours);
        channels.reverse();
        let convs = channels.windows(2).enumerate();
        let convs = convs.map(|(i, c)| Conv::half(&init.child(format_args!("convs.{i}")), c[0], c[1], STD));
        let norms = channels[2..].iter().enumerate();
        let norms = norms.map(|(i, &c)| Norm::new(&init.child(format_args!("norms.{i}")), c, STD));
        Self {
            convs: convs.collect(),
            norms: norms.collect(),
            fc: Linear::new(&init.child("fc"), last, 1, STD),
            embed: Embed::new(&init.child("embed"), plan.classes, last, STD),
            built: plan.built,
        }
    }

    /// `[b, c, r, r] → [b, n]`
    fn features(&self, x: Tensor<4>) -> Tensor<2> {
        let mut x = resample::padded(x, self.built);
        for (i, conv) in self.convs.iter().enumerate() {
            x = conv.forward(x);
            if i > 0 {
                x = self.norms[i - 1].forward(x);
            }
            x = activation::leaky(x);
        }
        crate::nn::per_picture(x)
    }
}

impl CriticNetwork for DcCritic {
    /// Only of values: batch norm ties samples together, so there is no derivative of one picture alone.
    fn forward_dual(&self, x: Dual<4>, class: Option<&Tensor<2>>, _tape: &mut ActivationTape) -> (Dual<2>, Dual<2>) {
        let h = x.linear(|x| self.features(x));
        (h.clone(), judge(h, &self.fc, self.embed.as_ref(), class))
    }

    fn stages(&self, out: &mut Stages<'_>) {
        let channels = out.dims.channels(out.dims.doublings);
        for (i, conv) in self.convs.iter().enumerate() {
            let norm = i.checked_sub(1).map_or(0, |before| trainable(&self.norms[before]));
            let outputs = channels[channels.len() - 1 - i];
            out.grid("Strided convolution", (self.built.map(|b| b >> (i + 1)), outputs), &[trainable(conv), norm]);
        }
        out.vector("Judgement", 1, &[trainable(&self.fc), trainable(&self.embed)]);
    }

    fn takes_penalty(&self) -> bool {
        false
    }

    fn ties_samples(&self) -> bool {
        true
    }

    fn layers(&self) -> Vec<String> {
        (0..self.convs.len()).map(|i| format!("convs.{i}")).chain(["fc".into()]).collect()
    }
}
