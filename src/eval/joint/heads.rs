//! The heads of the joint space: linear layers on what two frozen networks say, and one that tells kinds of pictures apart.

use burn::module::{Module, Param};
use burn::tensor::activation::softmax;
use burn::tensor::{Device, Tensor};
use serde::{Deserialize, Serialize};

use super::{DIM, SEEN};
use crate::base::Result;
use crate::models::io::Weights;
use crate::models::shipped::{self, EncoderCard};
use crate::models::text;
use crate::nn::init::Init;
use crate::nn::linear::Linear;

/// How a text is held against pictures.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Method {
    /// In the joint space.
    #[default]
    Heads,
    /// Among texts, by the names of the classes of photographs that a picture seems to belong to.
    ClassNames,
}

/// What was measured on a kind of pictures that no head was trained on.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct KindCard {
    /// Its name, such as `emoji`.
    pub id: String,
    /// What it is, for a person: "flat symbols".
    pub title: String,
    /// How texts are held against pictures of it.
    pub method: Method,
    /// Share of captions that were kept apart whose own picture is the first, among the first five, among the first ten.
    pub recall: [f64; 3],
    /// Share of the first ten that are of a class, over class names; 0 where there are captions.
    pub precision: f64,
    /// Pictures that a caption's own was looked for among, or classes.
    pub among: u32,
    /// What chance would give.
    pub chance: f64,
    /// Score that nine of ten right answers reach.
    pub floor: f64,
    /// Share of texts about other things whose best score stays below it.
    pub refused: f64,
}

/// What the heads say of themselves.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct JointCard {
    /// Where they come from.
    #[serde(flatten)]
    pub about: EncoderCard,
    /// First digits of the hash of the network for photographs.
    pub photo: String,
    /// Name of the encoder of text.
    pub text: String,
    /// What they were measured on.
    pub kinds: Vec<KindCard>,
}

/// How texts are held against pictures: by which method, and from where they are seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Comparison {
    /// The method.
    pub method: Method,
    /// The kind of the pictures by place in the card, if it is known: both are seen from the mean of its captions, so that
    /// what all of them share does not count.
    pub kind: Option<usize>,
    /// Whether the pictures are like those that a person taught words for.
    pub own: bool,
}

/// The layers.
#[derive(Module, Debug)]
pub struct Heads {
    /// One for each kind.
    pictures: Vec<Linear>,
    text: Linear,
    kinds: Linear,
    /// Mean of the captions of each kind. `[kinds, 128]`
    centres: Param<Tensor<2>>,
}

impl Heads {
    /// From a file's bytes, with their card.
    ///
    /// # Errors
    /// They are no heads of this size.
    pub fn read(bytes: &[u8], device: &Device) -> Result<(Self, JointCard)> {
        let weights = Weights::from_bytes(bytes)?;
        let card = weights.metadata.get(shipped::METADATA).ok_or_else(|| shipped::damaged("it has no card"))?;
        let card: JointCard = serde_json::from_str(card).map_err(shipped::damaged)?;
        let (init, n) = (Init::blank("heads", device), card.kinds.len());
        let blank = Self {
            pictures: (0..n).map(|_| Linear::new(&init, SEEN, DIM, 0.0)).collect(),
            text: Linear::new(&init, text::WIDTH, DIM, 0.0),
            kinds: Linear::new(&init, SEEN, n, 0.0),
            centres: init.filled([n, DIM], 0.0),
        };
        Ok((weights.load(blank)?, card))
    }

    /// Pictures in the joint space: by the heads of all kinds, each as much as the picture seems to be of it.
    /// `[b, SEEN] → [b, 128]`, each of length 1
    pub fn picture(&self, seen: Tensor<2>, kind: Option<usize>) -> Tensor<2> {
        let shares = self.kinds(seen.clone());
        let parts = self
            .pictures
            .iter()
            .enumerate()
            .map(|(k, head)| head.forward(seen.clone()) * shares.clone().narrow(1, k, 1));
        let sum = parts.reduce(|a, b| a + b).expect("a card has at least one kind");
        self.seen_from(sum, kind)
    }

    /// Texts in the joint space. `[b, 384] → [b, 128]`, each of length 1
    pub fn text(&self, text: Tensor<2>, kind: Option<usize>) -> Tensor<2> {
        self.seen_from(self.raw_text(text), kind)
    }

    /// Texts before they are brought to length 1. `[b, 384] → [b, 128]`
    pub fn raw_text(&self, text: Tensor<2>) -> Tensor<2> {
        self.text.forward(text)
    }

    /// Vectors of length 1, from the mean of a kind's captions if there is one. `[b, 128] → [b, 128]`
    pub fn seen_from(&self, x: Tensor<2>, kind: Option<usize>) -> Tensor<2> {
        match kind {
            Some(k) => unit(x - self.centres.val().narrow(0, k, 1)),
            None => unit(x),
        }
    }

    /// Probabilities of kinds. `[b, SEEN] → [b, kinds]`
    pub fn kinds(&self, seen: Tensor<2>) -> Tensor<2> {
        softmax(self.kinds.forward(seen), 1)
    }
}

/// Rows of length 1.
pub(super) fn unit(x: Tensor<2>) -> Tensor<2> {
    let length = x.clone().square().sum_dim(1).sqrt().clamp_min(1e-12);
    x / length
}
