//! `stacked:SRC`: three random pictures of a labelled source in the colour channels of one (Metz 2017, "stacked MNIST").
//!
//! With ten classes that makes a thousand known modes: how many of them a model finds again says how much it forgets.

use super::guess::Guess;
use super::source::{ImageSource, Opening};
use crate::base::rng::Stream;
use crate::base::{Channels, Picture, Problem, Result};

/// More classes than this are not told apart.
const MOST: usize = 10_000;

struct Stacked {
    inner: Box<dyn ImageSource>,
    labels: Vec<String>,
}

/// Whether the text names such a set.
pub(super) fn sniff(spec: &str) -> bool {
    spec.starts_with("stacked:")
}

/// Opens `stacked:SRC`.
pub(super) fn open(
    spec: &str,
    opening: Opening<'_>,
    inner: fn(&str, Opening<'_>) -> Result<Box<dyn ImageSource>>,
) -> Result<Box<dyn ImageSource>> {
    let inner = inner(spec.strip_prefix("stacked:").unwrap_or(spec), opening)?;
    let names = inner.labels();
    if inner.is_empty() || names.len() < 2 {
        return Err(Problem::data("Only pictures with labels can be stacked")
            .of(spec)
            .try_this("Choose an IDX file such as Fashion-MNIST, or a folder with a folder for each class"));
    }
    let n = names.len();
    let labels = if n.pow(3) <= MOST {
        let name = |i: usize| format!("{} / {} / {}", names[i / (n * n)], names[i / n % n], names[i % n]);
        (0..n.pow(3)).map(name).collect()
    } else {
        Vec::new()
    };
    Ok(Box::new(Stacked { inner, labels }))
}

impl Stacked {
    /// The three pictures of one.
    fn parts(&self, i: usize) -> [usize; 3] {
        let mut stream = Stream::new(i as u64, "stacked");
        std::array::from_fn(|_| stream.below(self.inner.len() as u64) as usize)
    }
}

impl ImageSource for Stacked {
    fn kind(&self) -> &'static str {
        "Stacked"
    }

    fn len(&self) -> usize {
        self.inner.len()
    }

    fn name(&self, i: usize) -> String {
        self.parts(i).map(|k| self.inner.name(k)).join(" + ") + &format!(" ({i})")
    }

    fn label(&self, i: usize) -> Option<u32> {
        if self.labels.is_empty() {
            return None;
        }
        let n = self.inner.labels().len() as u32;
        let [a, b, c] = self.parts(i).map(|k| self.inner.label(k));
        Some((a? * n + b?) * n + c?)
    }

    fn labels(&self) -> &[String] {
        &self.labels
    }

    fn guesses(&self) -> &[Guess] {
        self.inner.guesses()
    }

    fn decode(&self, i: usize) -> Result<Picture> {
        let mut out: Option<Picture> = None;
        for (channel, k) in self.parts(i).into_iter().enumerate() {
            let part = self.inner.decode(k)?;
            let grey = part.to_interleaved(Channels::Grey);
            let stack = out.get_or_insert_with(|| Picture::filled(part.width, part.height, [0, 0, 0, 255]));
            if (stack.width, stack.height) != (part.width, part.height) {
                return Err(Problem::data("Pictures of unlike sizes cannot be stacked"));
            }
            stack.rgba.chunks_exact_mut(4).zip(grey).for_each(|(pixel, v)| pixel[channel] = v);
        }
        // There are three parts.
        Ok(out.unwrap_or_default())
    }

    fn bytes(&self) -> u64 {
        self.inner.bytes()
    }

    fn fingerprint(&self) -> Result<String> {
        Ok(format!("stacked {}", self.inner.fingerprint()?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_pictures_are_in_the_channels_of_one() {
        let source = crate::data::open("stacked:shapes:40").unwrap();
        let inner = crate::data::open("shapes:40").unwrap();
        assert_eq!((source.len(), source.labels().len()), (40, 27));
        let parts: [usize; 3] = {
            let mut stream = Stream::new(7, "stacked");
            std::array::from_fn(|_| stream.below(40) as usize)
        };
        let stacked = source.decode(7).unwrap();
        for (channel, k) in parts.into_iter().enumerate() {
            let grey = inner.decode(k).unwrap().to_interleaved(Channels::Grey);
            assert!(stacked.rgba.chunks_exact(4).zip(grey).all(|(p, v)| p[channel] == v));
        }
        let [a, b, c] = parts.map(|k| inner.label(k).unwrap());
        assert_eq!(source.label(7), Some(a * 9 + b * 3 + c));
        assert_eq!(source.labels()[5], "square / ellipse / heart");
        assert!(crate::data::open("stacked:/nowhere").is_err());
    }
}
