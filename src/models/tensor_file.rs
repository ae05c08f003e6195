//! Reading safetensors files that anybody may have made: nothing is allocated that the file does not hold.
//!
//! The `safetensors` crate checks that tensors neither overlap nor leave gaps, and that each has the size of its shape.
//! Here the header is bounded as well, and what is wrong is told in plain words.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::Path;

use burn::module::{Module, ModuleVisitor, Param};
use burn::tensor::Tensor;
use safetensors::tensor::Metadata;
use safetensors::{Dtype, SafeTensorError, SafeTensors};

use super::io::{HostTensor, Weights};
use crate::base::vault::File;
use crate::base::{Problem, Result};
use crate::nn::param_path::Path as NetPath;

/// Longest header in bytes: it is read as text and costs several times as much.
const LONGEST_HEADER: u64 = 32 << 20;
/// Most tensors of a file.
const MOST_TENSORS: usize = 100_000;

/// What a file says of itself, without its numbers.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Header {
    /// Strings by key.
    pub metadata: BTreeMap<String, String>,
    /// Shapes of tensors by name.
    pub shapes: BTreeMap<String, Vec<usize>>,
}

fn bad(why: impl std::fmt::Display) -> Problem {
    Problem::data("This file holds no weights")
        .because(why)
        .try_this("Choose a .safetensors file; this one may be damaged")
}

/// Why bytes are no safetensors file.
fn fault(e: &SafeTensorError) -> Problem {
    use SafeTensorError as E;
    match e {
        E::HeaderTooSmall => bad("it is shorter than a header"),
        E::InvalidHeaderLength => bad("its header is cut short"),
        E::HeaderTooLarge => bad("its header is too long"),
        E::InvalidHeader(_) => bad("its header is no text"),
        E::InvalidHeaderDeserialization(e) => bad(format_args!("its header is not JSON: {e}")),
        E::MetadataIncompleteBuffer => bad("it is cut short, or longer than its tensors"),
        E::InvalidOffset(name) => bad(format_args!("{name} overlaps another tensor, or leaves a gap before it")),
        E::TensorInvalidInfo | E::ValidationOverflow | E::MisalignedSlice => {
            bad("a tensor does not have the size of its shape")
        }
        e => bad(e),
    }
}

/// What a file that is no safetensors file seems to be, by its first bytes.
fn other_kind(head: &[u8]) -> Option<Problem> {
    let told =
        |why: &str, remedy: &str| Some(Problem::data("This file holds no weights").because(why).try_this(remedy));
    let state_dict = "Save the network's state dict with torch.save(model.state_dict(), \"name.pth\") and import that";
    match head {
        [b'P', b'K', 3, 4, ..] => told(
            "it is a zip archive, such as PyTorch writes",
            "If PyTorch wrote it, give it a name that ends in .pth; otherwise unpack it first",
        ),
        [0x80, 2..=5, ..] => told("it is a Python pickle, which holds objects of a program", state_dict),
        [0x89, b'H', b'D', b'F', ..] => told("it is an HDF5 file, such as Keras writes", state_dict),
        [b'<', ..] => told("it is a web page, not the file behind it", "Download the file itself"),
        _ if head.starts_with(b"version https://git-lfs") => {
            told("it is a pointer of Git LFS, not the file itself", "Fetch the file with `git lfs pull`")
        }
        _ => None,
    }
}

fn header_length(head: &[u8]) -> Result<u64> {
    // A header begins with a brace. Its length before that may be any bytes, also those that other kinds begin with.
    if head.get(8) != Some(&b'{')
        && let Some(problem) = other_kind(head)
    {
        return Err(problem);
    }
    let length = head.first_chunk::<8>().ok_or_else(|| bad("it is shorter than a header"))?;
    let length = u64::from_le_bytes(*length);
    if length > LONGEST_HEADER {
        return Err(bad("its header is cut short or too long"));
    }
    Ok(length)
}

fn bounded(header: &Metadata) -> Result<()> {
    let count = header.tensors().len();
    if count > MOST_TENSORS { Err(bad(format_args!("it claims {count} tensors"))) } else { Ok(()) }
}

fn strings(header: &Metadata) -> BTreeMap<String, String> {
    header.metadata().iter().flatten().map(|(k, v)| (k.clone(), v.clone())).collect()
}

/// Tensors of bytes by name: shape and values.
pub(super) type Bytes = BTreeMap<String, (Vec<usize>, Vec<u8>)>;

/// Weights out of a file's bytes: `F32` tensors, and `F16`, `BF16` and `F64` ones converted.
pub(super) fn weights(bytes: &[u8]) -> Result<Weights> {
    let (weights, raw) = with_bytes(bytes)?;
    match raw.keys().next() {
        None => Ok(weights),
        Some(name) => Err(bad(format_args!("{name} is of type {:?}", Dtype::U8))),
    }
}

/// As [`weights`], with tensors of bytes as they are.
pub(super) fn with_bytes(bytes: &[u8]) -> Result<(Weights, Bytes)> {
    header_length(bytes)?;
    let (length, header) = SafeTensors::read_metadata(bytes).map_err(|e| fault(&e))?;
    bounded(&header)?;
    // The crate has made sure that the header and all tensors lie inside of the bytes.
    let data = &bytes[8 + length..];
    let mut out = Weights { metadata: strings(&header), ..Weights::default() };
    let mut raw = Bytes::new();
    for (name, info) in header.tensors() {
        let (from, to) = info.data_offsets;
        if info.dtype == Dtype::U8 {
            raw.insert(name, (info.shape.clone(), data[from..to].to_vec()));
            continue;
        }
        let values = decode(info.dtype, &data[from..to])
            .ok_or_else(|| bad(format_args!("{name} is of type {:?}", info.dtype)))?;
        out.tensors.insert(name, HostTensor { shape: info.shape.clone(), values });
    }
    Ok((out, raw))
}

/// A file's header; its numbers are not read.
///
/// # Errors
/// It cannot be read, is no safetensors file, or is cut short.
pub fn header(path: &Path) -> Result<Header> {
    let fail = |e: std::io::Error| Problem::io("This file could not be read", path, &e);
    let subject = |p: Problem| p.of(path.display().to_string());
    let mut file = File::open(path).map_err(fail)?;
    let whole = file.len();
    let mut head = Vec::new();
    file.by_ref().take(24).read_to_end(&mut head).map_err(fail)?;
    let length = header_length(&head).map_err(subject)?;
    if length + 8 > whole {
        return Err(subject(bad("its header is cut short")));
    }
    let rest = (length + 8).saturating_sub(head.len() as u64);
    file.take(rest).read_to_end(&mut head).map_err(fail)?;
    let text = head.get(8..8 + length as usize).ok_or_else(|| subject(bad("its header is cut short")))?;
    let header: Metadata =
        serde_json::from_slice(text).map_err(|e| subject(bad(format_args!("its header is damaged: {e}"))))?;
    bounded(&header).map_err(subject)?;
    if 8 + length + header.data_len() as u64 != whole {
        return Err(subject(fault(&SafeTensorError::MetadataIncompleteBuffer)));
    }
    let shapes = header.tensors().into_iter().map(|(name, info)| (name, info.shape.clone())).collect();
    Ok(Header { metadata: strings(&header), shapes })
}

/// Makes sure that every parameter of a network has a tensor of its shape. A network that was made blank (see
/// [`crate::nn::init::Init::blank`]) takes no memory for this, however large it is.
///
/// # Errors
/// Names the first parameter that has none.
pub fn check_network<M: Module>(module: &M, shapes: &BTreeMap<String, Vec<usize>>) -> Result<()> {
    struct Check<'a> {
        path: NetPath,
        shapes: &'a BTreeMap<String, Vec<usize>>,
        wrong: Option<String>,
    }
    impl ModuleVisitor for Check<'_> {
        fn enter_module(&mut self, name: &str, container: &str) {
            self.path.enter(name, container);
        }
        fn exit_module(&mut self, _: &str, container: &str) {
            self.path.exit(container);
        }
        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
            if self.wrong.is_some() {
                return;
            }
            let (name, shape) = (self.path.name(), param.lazy_shape().to_vec());
            match self.shapes.get(&name) {
                Some(there) if *there == shape => {}
                Some(there) => self.wrong = Some(format!("{name}: {shape:?}, not {there:?}")),
                None => self.wrong = Some(format!("{name}: not in the file")),
            }
        }
    }
    let mut check = Check { path: NetPath::default(), shapes, wrong: None };
    module.visit(&mut check);
    check.wrong.map_or(Ok(()), |wrong| Err(other_network(wrong)))
}

/// What is told of weights that are not those of a network.
pub(super) fn other_network(why: impl std::fmt::Display) -> Problem {
    Problem::data("These weights belong to another network")
        .because(why)
        .try_this("Use the recipe that they were trained with")
}

/// Numbers of a tensor as 32-bit ones; nothing for whole numbers and for bytes that are cut short.
pub(super) fn decode(dtype: Dtype, raw: &[u8]) -> Option<Vec<f32>> {
    let whole = |size: usize| raw.len().is_multiple_of(size).then_some(());
    Some(match dtype {
        Dtype::F32 => {
            whole(4)?;
            raw.as_chunks::<4>().0.iter().map(|b| f32::from_le_bytes(*b)).collect()
        }
        Dtype::F64 => {
            whole(8)?;
            raw.as_chunks::<8>().0.iter().map(|b| f64::from_le_bytes(*b) as f32).collect()
        }
        Dtype::BF16 => {
            whole(2)?;
            let widen = |b: &[u8; 2]| f32::from_bits(u32::from(u16::from_le_bytes(*b)) << 16);
            raw.as_chunks::<2>().0.iter().map(widen).collect()
        }
        Dtype::F16 => {
            whole(2)?;
            raw.as_chunks::<2>().0.iter().map(|b| half_to_f32(u16::from_le_bytes(*b))).collect()
        }
        _ => return None,
    })
}

pub(super) fn half_to_f32(h: u16) -> f32 {
    let sign = if h >> 15 == 1 { -1.0 } else { 1.0 };
    let (exponent, fraction) = (i32::from(h >> 10 & 31), f32::from(h & 1023));
    match exponent {
        0 => sign * fraction * 2f32.powi(-24),
        31 if fraction == 0.0 => sign * f32::INFINITY,
        31 => f32::NAN,
        e => sign * (1.0 + fraction / 1024.0) * 2f32.powi(e - 15),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::models::{Generator, Vae};
    use crate::recipe::Recipe;
    use burn::tensor::Device;

    fn file(header: &str, data: &[u8]) -> Vec<u8> {
        [&(header.len() as u64).to_le_bytes()[..], header.as_bytes(), data].concat()
    }

    fn entry(shape: &str, from: usize, to: usize) -> String {
        format!(r#"{{"dtype":"F32","shape":{shape},"data_offsets":[{from},{to}]}}"#)
    }

    #[test]
    fn tensors_that_overlap_leave_gaps_or_lie_about_their_size_are_refused() {
        let one = file(&format!(r#"{{"a":{}}}"#, entry("[2]", 0, 8)), &[0; 8]);
        assert_eq!(Weights::from_bytes(&one).unwrap().tensors["a"].values, [0.0, 0.0]);
        let many: String = (0..50).map(|i| format!(r#""t{i}":{},"#, entry("[2]", 0, 8))).collect();
        let shared = file(&format!("{{{}}}", many.trim_end_matches(',')), &[0; 8]);
        for (what, bytes) in [
            ("overlaps", shared),
            ("overlaps", file(&format!(r#"{{"a":{}}}"#, entry("[1]", 4, 8)), &[0; 8])),
            ("size of its shape", file(&format!(r#"{{"a":{}}}"#, entry("[3]", 0, 8)), &[0; 8])),
            ("size of its shape", file(&format!(r#"{{"a":{}}}"#, entry("[4611686018427387904,4]", 0, 8)), &[0; 8])),
            ("cut short", one[..one.len() - 1].to_vec()),
            ("longer than", [&one[..], &[0]].concat()),
            ("too long", file("", &[0; 8]).into_iter().map(|_| 0xFF).collect()),
        ] {
            let dir = tempfile::tempdir().unwrap();
            let path = dir.path().join("x.safetensors");
            std::fs::write(&path, &bytes).unwrap();
            for problem in [Weights::from_bytes(&bytes).unwrap_err(), header(&path).unwrap_err()] {
                assert!(
                    problem.detail.as_deref().unwrap().contains(what) || problem.to_string().contains("damaged"),
                    "{what}: {problem}"
                );
            }
        }
    }

    #[test]
    fn no_damage_to_a_header_makes_it_panic() {
        let good = Weights {
            tensors: [("a".into(), HostTensor { shape: vec![2], values: vec![1.0, 2.0] })].into(),
            ..Weights::default()
        };
        let bytes = good.to_bytes();
        for i in 0..bytes.len() - 8 {
            for value in [0, b'9', b'-', b'"', 0xFF] {
                let mut bad = bytes.clone();
                bad[i] = value;
                let _ = Weights::from_bytes(&bad);
            }
        }
    }

    /// As bytes, 640 begins as a pickle does, and 60 as a web page.
    #[test]
    fn the_length_of_a_header_is_not_taken_for_another_kind_of_file() {
        for length in [60, 640, 896] {
            let text = format!(r#"{{"a":{}}}"#, entry("[2]", 0, 8));
            let bytes = file(&format!("{text:<length$}"), &[0; 8]);
            assert_eq!(Weights::from_bytes(&bytes).unwrap().tensors["a"].values, [0.0, 0.0], "{length}");
        }
    }

    #[test]
    fn other_kinds_of_files_are_called_what_they_are() {
        for (bytes, what) in [
            (&b"\x80\x04\x95\x10\x00\x00\x00\x00\x00\x00\x00"[..], "Python pickle"),
            (b"PK\x03\x04 and so on, as zips do", "zip archive"),
            (b"<!DOCTYPE html><html></html>", "web page"),
            (b"version https://git-lfs.github.com/spec/v1", "Git LFS"),
        ] {
            let problem = Weights::from_bytes(bytes).unwrap_err();
            assert!(problem.detail.unwrap().contains(what) && problem.remedy.is_some());
        }
    }

    /// Were anything allocated for these networks, it would be tens of gigabytes.
    #[test]
    fn a_network_larger_than_its_file_takes_no_memory() {
        let mut recipe = Recipe::default();
        recipe.data.resolution = 256.into();
        (recipe.model.width, recipe.model.narrow, recipe.model.latent, recipe.model.blocks) = (1024, 512, 1024, 8);
        (recipe.model.expansion, recipe.model.group) = (4, 0);
        let generator = Generator::blank(&recipe, &Device::flex()).unwrap();
        assert!(super::super::io::trainable(&generator) > 1_000_000_000);
        let small = Weights {
            tensors: [("x".into(), HostTensor { shape: vec![1], values: vec![1.0] })].into(),
            ..Weights::default()
        };
        assert!(check_network(&generator, &BTreeMap::new()).unwrap_err().what.contains("another network"));
        assert!(small.load(generator).unwrap_err().detail.unwrap().contains("not in the file"));
        recipe.model.id = "res-vae".into();
        let vae = Vae::blank(&recipe, &Device::flex()).unwrap();
        assert!(small.load(vae).is_err());
    }
}
