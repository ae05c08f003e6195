//! Pretrained encoders that ship with the studio as files in `checkpoints/`.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::{photo_net, tensor_file};
use crate::base::paths::shipped_folders;
use crate::base::{Problem, Result};

/// Key of the [`EncoderCard`] in a file's metadata.
pub const METADATA: &str = "latent_studio_encoder";
/// Name of the file with the heads that bring words and pictures together.
pub const HEADS: &str = "joint-heads";

/// What an encoder says of itself.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct EncoderCard {
    /// Name of its file.
    pub name: String,
    /// Its name for people.
    pub title: String,
    /// What it does, in a sentence.
    pub summary: String,
    /// What it was trained on.
    pub data: String,
    /// Its licence.
    pub licence: String,
    /// Whose work it is.
    pub attribution: String,
    /// Trained numbers.
    pub parameters: u64,
}

impl EncoderCard {
    /// The card in a file's bytes.
    ///
    /// # Errors
    /// There is none that can be read.
    pub fn of(bytes: &[u8]) -> Result<Self> {
        let metadata = tensor_file::with_bytes(bytes)?.0.metadata;
        let card = metadata.get(METADATA).ok_or_else(|| damaged("it has no card"))?;
        serde_json::from_str(card).map_err(damaged)
    }
}

/// Cards of the networks whose files are there.
pub fn cards() -> Vec<EncoderCard> {
    let in_file = |name: &str| -> Option<EncoderCard> {
        let metadata = super::io::Weights::read_metadata(&path_of(name)?).ok()?;
        serde_json::from_str(metadata.get(METADATA)?).ok()
    };
    let photo = photo_net::attribution().ok().map(|attribution| EncoderCard {
        name: photo_net::NAME.into(),
        title: "EfficientNet-Lite0".into(),
        summary: "Sees what is on a picture: 1,000 kinds of things on photographs".into(),
        data: "ImageNet".into(),
        licence: "Apache-2.0".into(),
        attribution: attribution.into(),
        parameters: photo_net::PARAMETERS,
    });
    photo.into_iter().chain([super::text::NAME, HEADS].into_iter().filter_map(in_file)).collect()
}

/// The file of an encoder.
fn path_of(name: &str) -> Option<PathBuf> {
    let file = format!("{name}.safetensors");
    shipped_folders().into_iter().map(|folder| folder.join(&file)).find(|path| path.is_file())
}

/// The bytes of an encoder's file.
///
/// # Errors
/// It is not there, or cannot be read.
pub fn read(name: &str) -> Result<Vec<u8>> {
    let path = path_of(name).ok_or_else(|| {
        let problem = Problem::data("A network that comes with the studio is missing");
        problem.of(format!("{name}.safetensors")).try_this(
            "Put the folder `checkpoints` of the studio beside the program, or name it in LATENT_STUDIO_CHECKPOINTS",
        )
    })?;
    std::fs::read(&path).map_err(|e| Problem::io("A network that comes with the studio could not be read", &path, &e))
}

/// What is told of an encoder's file that does not hold what it should.
pub fn damaged(why: impl std::fmt::Display) -> Problem {
    Problem::data("A network that comes with the studio is damaged")
        .because(why)
        .try_this("Copy the folder `checkpoints` of the studio again")
}
