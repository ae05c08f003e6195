//! Text as vectors: MiniLM-L3, a transformer of three layers that was trained so that phrases that mean the same lie close
//! together (Wang et al. 2020, Reimers & Gurevych 2019). English is what it knows.
//!
//! ```text
//! text ─ WordPiece ─ tokens ─ word + place ─ 3 × (attention, feed-forward) ─ mean over tokens ─ length 1 ─ 384 numbers
//! ```
//! Its file lies in `checkpoints/`, with the vocabulary inside; words stay packed in four bits until a text has them.

mod transformer;
mod wordpiece;

use burn::tensor::{Device, Tensor, TensorData};

use self::transformer::Transformer;
use self::wordpiece::WordPiece;
use super::packed::{FourBit, Packed};
use super::shipped::{self, EncoderCard};
use crate::base::{Problem, Progress, Result};

/// Numbers in a text's vector.
pub const WIDTH: usize = 384;
/// Name of the file in `checkpoints/`.
pub const NAME: &str = "minilm-l3";
/// Tokens that are read of a text, the marks of its beginning and end included; what comes after does not count.
const TOKENS: usize = 128;
/// Bytes of a text, at most.
const LONGEST: usize = 64 << 10;
/// Tokens in one pass of the network, about.
const AT_ONCE: usize = 512;

/// The encoder of text on a device.
pub struct TextEncoder {
    tokens: WordPiece,
    words: FourBit,
    /// What is added at each place. `[TOKENS, WIDTH]`
    places: Vec<f32>,
    net: Transformer,
    device: Device,
    card: EncoderCard,
    id: String,
}

impl TextEncoder {
    /// The encoder that ships with the studio.
    ///
    /// # Errors
    /// Its file is not there, or is damaged.
    pub fn shipped(device: &Device) -> Result<Self> {
        Self::of(&shipped::read(NAME)?, device)
    }

    /// An encoder from a file's bytes.
    ///
    /// # Errors
    /// They are not those of such an encoder.
    pub fn of(bytes: &[u8], device: &Device) -> Result<Self> {
        let device = device.clone().inner();
        let card = EncoderCard::of(bytes)?;
        let mut file = Packed::read(bytes)?;
        let words = file.take("words", WIDTH)?;
        let (mut places, kind) = (file.take("positions", WIDTH)?.dense(), file.take("kinds", WIDTH)?.dense());
        let vocabulary = file.text("vocabulary")?;
        if places.len() != TOKENS * WIDTH || kind.len() != WIDTH {
            return Err(shipped::damaged("its places are not those of 128 tokens"));
        }
        // Every text is the first and only one.
        places.chunks_exact_mut(WIDTH).for_each(|row| row.iter_mut().zip(&kind).for_each(|(p, k)| *p += k));
        let tokens = WordPiece::new(&vocabulary)
            .filter(|w| w.len() == words.rows())
            .ok_or_else(|| shipped::damaged("its vocabulary is not the one of its words"))?;
        // Linear layers are stored as `[out, in]`.
        let net = file.into_transposed().load(Transformer::blank(&device))?;
        let id = format!("{}-{}", card.name, &blake3::hash(bytes).to_hex()[..8]);
        Ok(Self { tokens, words, places, net, device, card, id })
    }

    /// Its name with the first digits of its file's hash: vectors by different ones cannot be compared.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Where it comes from.
    pub fn card(&self) -> &EncoderCard {
        &self.card
    }

    /// One vector of [`WIDTH`] numbers and length 1 for each text.
    ///
    /// # Errors
    /// A text is empty or far too long, or the work was cancelled.
    pub fn vectors(&self, texts: &[String], progress: &dyn Progress) -> Result<Vec<Vec<f32>>> {
        let mut ids = Vec::with_capacity(texts.len());
        for text in texts {
            if text.len() > LONGEST {
                return Err(Problem::usage("This text is too long")
                    .of(format!("{} bytes", text.len()))
                    .try_this("Describe what is to be seen in a phrase"));
            }
            let tokens = self.tokens.tokens(text, TOKENS);
            if tokens.len() <= 2 {
                return Err(Problem::usage("This text is empty").of(format!("{text:?}")).try_this("Write a phrase"));
            }
            ids.push(tokens);
        }
        // Texts of one length go together: nothing has to be filled up, and none sees its company.
        let mut order: Vec<usize> = (0..ids.len()).collect();
        order.sort_by_key(|i| ids[*i].len());
        let mut out = vec![Vec::new(); ids.len()];
        let mut done = 0;
        for same in order.chunk_by(|a, b| ids[*a].len() == ids[*b].len()) {
            let n = ids[same[0]].len();
            for group in same.chunks((AT_ONCE / n).max(1)) {
                progress.cancel().check()?;
                for (i, vector) in group.iter().zip(self.pass(group.iter().map(|i| &ids[*i]), group.len(), n)?) {
                    out[*i] = vector;
                }
                done += group.len();
                progress.report("Reading texts", done as u64, ids.len() as u64);
            }
        }
        Ok(out)
    }

    /// Vectors of `b` texts of `n` tokens each.
    fn pass<'a>(&self, ids: impl Iterator<Item = &'a Vec<u32>>, b: usize, n: usize) -> Result<Vec<Vec<f32>>> {
        let mut values = Vec::with_capacity(b * n * WIDTH);
        for (i, id) in ids.flat_map(|ids| ids.iter().enumerate()) {
            let place = &self.places[i * WIDTH..(i + 1) * WIDTH];
            values.extend(self.words.row(*id as usize).zip(place).map(|(word, place)| word + place));
        }
        let x = Tensor::<2>::from_data(TensorData::new(values, [b * n, WIDTH]), &self.device);
        let mean = self.net.forward(x, b, n).reshape([b, n, WIDTH]).mean_dim(1).reshape([b, WIDTH]);
        let length = mean.clone().square().sum_dim(1).sqrt().clamp_min(1e-12);
        let rows: Vec<f32> = (mean / length)
            .into_data()
            .convert::<f32>()
            .try_into_vec()
            .map_err(|e| Problem::failed("The text encoder could not be computed").because(format!("{e:?}")))?;
        if rows.iter().any(|v| !v.is_finite()) {
            return Err(Problem::failed("The text encoder computed no finite numbers")
                .try_this("Choose another device in Settings: `latent-studio devices` says which compute correctly"));
        }
        Ok(rows.chunks_exact(WIDTH).map(<[f32]>::to_vec).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::progress::Quiet;

    #[derive(serde::Deserialize)]
    struct Row {
        text: String,
        ids: Vec<u32>,
        vector: Vec<f32>,
    }

    fn fixture() -> Vec<Row> {
        let path = crate::base::paths::source_tree().join("tests/fixtures/minilm.json");
        serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
    }

    #[test]
    fn tokens_are_those_of_the_reference() {
        let encoder = TextEncoder::shipped(&Device::flex()).unwrap();
        for row in fixture() {
            assert_eq!(encoder.tokens.tokens(&row.text, TOKENS), row.ids, "{}", row.text);
        }
    }

    #[test]
    fn vectors_are_those_of_the_reference_in_any_company() {
        let encoder = TextEncoder::shipped(&Device::flex()).unwrap();
        let rows = fixture();
        let texts: Vec<String> = rows.iter().map(|r| r.text.clone()).collect();
        let together = encoder.vectors(&texts, &Quiet::default()).unwrap();
        let alone = encoder.vectors(&texts[1..2], &Quiet::default()).unwrap();
        let far = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        assert!(far(&alone[0], &together[1]) < 1e-5);
        for (row, vector) in rows.iter().zip(&together) {
            let worst = far(vector, &row.vector);
            assert!(worst < 1e-4, "{}: {worst}", row.text);
        }
    }

    #[test]
    fn what_is_no_text_is_refused() {
        let encoder = TextEncoder::shipped(&Device::flex()).unwrap();
        for (text, what) in [("", "empty"), (" \t\u{200b}", "empty"), ("a".repeat(LONGEST + 1).as_str(), "too long")] {
            let told = encoder.vectors(&[text.to_string()], &Quiet::default()).unwrap_err();
            assert!(told.what.contains(what) && told.exit_code() == 2, "{told:?}");
        }
    }

    #[test]
    fn a_damaged_file_is_told_of() {
        let bytes = shipped::read(NAME).unwrap();
        assert!(TextEncoder::of(&bytes[..bytes.len() - 1], &Device::flex()).is_err());
        assert!(TextEncoder::of(&super::super::io::Weights::default().to_bytes(), &Device::flex()).is_err());
    }
}
