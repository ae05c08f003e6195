//! Weights on disk: safetensors, written here so that a file's bytes are a function of its contents (read by
//! [`super::tensor_file`]).
//!
//! Names are the paths of the fields, such as `blocks.0.a.weight`; numbers are little-endian `f32`; the header is
//! padded with spaces to a multiple of 8, metadata are strings under `__metadata__`. Any safetensors reader opens
//! them. Linear weights are `[in, out]`, the transpose of PyTorch's.

use std::collections::BTreeMap;
use std::path::Path as FilePath;

use burn::module::{Module, ModuleMapper, ModuleVisitor, Param};
use burn::tensor::{Tensor, TensorData};
use serde_json::{Map, Value, json};

use super::tensor_file;
use crate::base::paths::write_atomically;
use crate::base::vault;
use crate::base::{Problem, Result};
use crate::nn::param_path::Path;

/// What names of a fitted prior's tensors begin with: it is kept with a network's weights and is no part of them.
pub const PRIOR: &str = "prior.";
/// Key of the [`ModelInfo`](super::info::ModelInfo) in a snapshot's metadata.
pub const METADATA: &str = "latent_studio";
/// Name of the snapshot in a checkpoint.
pub const SNAPSHOT: &str = "model.safetensors";

/// A tensor on the host.
#[derive(Clone, Debug, PartialEq)]
pub struct HostTensor {
    /// Its shape.
    pub shape: Vec<usize>,
    /// Its numbers, the last dimension innermost.
    pub values: Vec<f32>,
}

/// Named tensors and a few strings about them.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Weights {
    /// By name.
    pub tensors: BTreeMap<String, HostTensor>,
    /// By key.
    pub metadata: BTreeMap<String, String>,
}

/// What came of loading weights that need not fit.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fit {
    /// Tensors of the network that were loaded.
    pub loaded: Vec<String>,
    /// Tensors of the network that keep their first values, with the reason.
    pub fresh: Vec<String>,
    /// Tensors of the file that found no place.
    pub unused: Vec<String>,
}

impl Weights {
    /// The weights and buffers of a network. Reads them back from its device.
    pub fn of<M: Module>(module: &M) -> Self {
        let mut weights = Self::default();
        weights.put("", module);
        weights
    }

    /// Adds a network's weights under names that begin with `prefix` (such as `critic.`).
    pub fn put<M: Module>(&mut self, prefix: &str, module: &M) {
        let mut collect = Collect { path: Path::default(), prefix: prefix.into(), into: self };
        module.visit(&mut collect);
    }

    /// The tensors whose names begin with `prefix`, without it.
    #[must_use]
    pub fn under(&self, prefix: &str) -> Self {
        let strip =
            |(name, tensor): (&String, &HostTensor)| Some((name.strip_prefix(prefix)?.to_owned(), tensor.clone()));
        Self { tensors: self.tensors.iter().filter_map(strip).collect(), metadata: self.metadata.clone() }
    }

    /// Adds a string.
    #[must_use]
    pub fn with(mut self, key: &str, value: impl Into<String>) -> Self {
        self.metadata.insert(key.into(), value.into());
        self
    }

    /// BLAKE3 of names, shapes and numbers; metadata and a fitted prior do not count. 64 hexadecimal digits.
    pub fn hash(&self) -> String {
        let mut hasher = blake3::Hasher::new();
        for (name, tensor) in self.tensors.iter().filter(|(name, _)| !name.starts_with(PRIOR)) {
            hasher.update(&(name.len() as u64).to_le_bytes());
            hasher.update(name.as_bytes());
            hasher.update(&(tensor.shape.len() as u64).to_le_bytes());
            for n in &tensor.shape {
                hasher.update(&(*n as u64).to_le_bytes());
            }
            hasher.update(&bytes_of(&tensor.values));
        }
        hasher.finalize().to_hex().to_string()
    }

    /// The file's bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        self.written("F32", 4, bytes_of)
    }

    /// The file's bytes with sixteen bits a number (`F16`), rounded to the nearest.
    pub fn to_half_bytes(&self) -> Vec<u8> {
        self.written("F16", 2, |values| values.iter().flat_map(|v| f32_to_half(*v).to_le_bytes()).collect())
    }

    fn written(&self, dtype: &str, size: usize, bytes_of: fn(&[f32]) -> Vec<u8>) -> Vec<u8> {
        let mut header = Map::new();
        if !self.metadata.is_empty() {
            header.insert("__metadata__".into(), json!(self.metadata));
        }
        let mut end = 0;
        for (name, tensor) in &self.tensors {
            let begin = end;
            end += size * tensor.values.len();
            header.insert(name.clone(), json!({ "dtype": dtype, "shape": tensor.shape, "data_offsets": [begin, end] }));
        }
        let mut text = Value::Object(header).to_string().into_bytes();
        text.resize(text.len().next_multiple_of(8), b' ');
        let mut bytes = Vec::with_capacity(8 + text.len() + end);
        bytes.extend((text.len() as u64).to_le_bytes());
        bytes.extend(text);
        for tensor in self.tensors.values() {
            bytes.extend(bytes_of(&tensor.values));
        }
        bytes
    }

    /// Reads a file's bytes: `F32` tensors, and `F16`, `BF16` and `F64` ones converted.
    ///
    /// # Errors
    /// The bytes are no safetensors file, its tensors overlap, or it is cut short or holds another kind of number.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self> {
        tensor_file::weights(bytes)
    }

    /// Reads a file.
    ///
    /// # Errors
    /// It cannot be read, or see [`Self::from_bytes`].
    pub fn read(path: &FilePath) -> Result<Self> {
        let bytes = vault::read(path).map_err(|e| Problem::io("This file could not be read", path, &e))?;
        Self::from_bytes(&bytes).map_err(|p| p.of(path.display().to_string()))
    }

    /// Only the strings of a file, without reading its numbers.
    ///
    /// # Errors
    /// It cannot be read, or is no safetensors file.
    pub fn read_metadata(path: &FilePath) -> Result<BTreeMap<String, String>> {
        Ok(tensor_file::header(path)?.metadata)
    }

    /// Writes a file, wholly or not at all.
    ///
    /// # Errors
    /// The disk is full or the folder cannot be written.
    pub fn write(&self, path: &FilePath) -> Result<()> {
        write_atomically(path, &self.to_bytes())
    }

    /// The network with these weights. Devices, parameter ids and what is trained stay as they are.
    ///
    /// # Errors
    /// A tensor of the network is missing or of another shape. Tensors that find no place do not matter.
    pub fn load<M: Module>(&self, module: M) -> Result<M> {
        let (module, fit) = self.load_fitting(module);
        match fit.fresh.first() {
            None => Ok(module),
            Some(name) => Err(tensor_file::other_network(name)),
        }
    }

    /// The network with those of these weights that fit by name and shape; the others keep their values.
    ///
    /// A tensor with one row or column more or less is left fresh as a whole.
    pub fn load_fitting<M: Module>(&self, module: M) -> (M, Fit) {
        let mut place = Place { path: Path::default(), from: self, fit: Fit::default() };
        let module = module.map(&mut place);
        let mut fit = place.fit;
        fit.unused = self.tensors.keys().filter(|n| !fit.loaded.contains(n)).cloned().collect();
        (module, fit)
    }
}

/// Trainable numbers of a network.
pub fn trainable<M: Module>(module: &M) -> usize {
    struct Count(Path, usize);
    impl ModuleVisitor for Count {
        fn enter_module(&mut self, name: &str, container: &str) {
            self.0.enter(name, container);
        }
        fn exit_module(&mut self, _: &str, container: &str) {
            self.0.exit(container);
        }
        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
            if !self.0.is_buffer() {
                self.1 += param.lazy_shape().num_elements();
            }
        }
    }
    let mut count = Count(Path::default(), 0);
    module.visit(&mut count);
    count.1
}

fn bytes_of(values: &[f32]) -> Vec<u8> {
    values.iter().flat_map(|v| v.to_le_bytes()).collect()
}

fn f32_to_half(v: f32) -> u16 {
    let (sign, size) = ((v.to_bits() >> 16 & 0x8000) as u16, v.to_bits() & 0x7fff_ffff);
    sign | match v.abs() {
        a if a.is_nan() => 0x7e00,
        // Half of a step above the largest, 65,504, rounds to infinity.
        a if a >= 65_520.0 => 0x7c00,
        // Below 2⁻¹⁴ steps are 2⁻²⁴ wide; 1024 of them are the smallest normal number, also in bits.
        a if a < 2f32.powi(-14) => (a * 2f32.powi(24)).round_ties_even() as u16,
        // To the nearest, ties to even; the exponent's bias goes from 127 to 15.
        _ => ((size + 0xfff + (size >> 13 & 1) - (112 << 23)) >> 13) as u16,
    }
}

struct Collect<'a> {
    path: Path,
    prefix: String,
    into: &'a mut Weights,
}

impl ModuleVisitor for Collect<'_> {
    fn enter_module(&mut self, name: &str, container: &str) {
        self.path.enter(name, container);
    }

    fn exit_module(&mut self, _: &str, container: &str) {
        self.path.exit(container);
    }

    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let data = param.val().without_autodiff().into_data().convert::<f32>();
        let shape = data.shape().to_vec();
        // Converted to f32 just above.
        let values = data.try_into_vec::<f32>().expect("the data were converted to f32");
        self.into.tensors.insert(format!("{}{}", self.prefix, self.path.name()), HostTensor { shape, values });
    }
}

struct Place<'a> {
    path: Path,
    from: &'a Weights,
    fit: Fit,
}

impl ModuleMapper for Place<'_> {
    fn enter_module(&mut self, name: &str, container: &str) {
        self.path.enter(name, container);
    }

    fn exit_module(&mut self, _: &str, container: &str) {
        self.path.exit(container);
    }

    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let name = self.path.name();
        // A blank parameter is not made for this: its size is what a file claims.
        let shape = param.lazy_shape().to_vec();
        match self.from.tensors.get(&name) {
            Some(tensor) if tensor.shape == shape => {
                self.fit.loaded.push(name);
                let id = param.id;
                // Buffers and frozen layers stay out of training.
                let device = param.lazy_device();
                let trained = if param.is_initialized() { param.val().is_require_grad() } else { device.is_autodiff() };
                let value = Tensor::from_data(TensorData::new(tensor.values.clone(), tensor.shape.clone()), &device);
                let loaded = param.transform_for_load(value, id);
                if trained { loaded } else { loaded.set_require_grad(false) }
            }
            Some(tensor) => {
                self.fit.fresh.push(format!("{name}: {shape:?}, not {:?}", tensor.shape));
                param
            }
            None => {
                self.fit.fresh.push(format!("{name}: not in the file"));
                param
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tensor_file::half_to_f32;
    use super::*;

    #[test]
    fn halves_are_rounded_to_the_nearest_and_every_half_survives() {
        for h in (0..=u16::MAX).filter(|h| h & 0x7c00 != 0x7c00) {
            assert_eq!(f32_to_half(half_to_f32(h)), h);
        }
        // Half-way between neighbours goes to the even one; everything else to the nearer one.
        for h in [0u16, 1, 5, 0x3ff, 0x400, 0x1234, 0x3c01, 0x7bfe] {
            let (a, b) = (half_to_f32(h), half_to_f32(h + 1));
            let middle = (a + b) / 2.0;
            assert_eq!(f32_to_half(middle), h + (h & 1));
            assert_eq!(f32_to_half(middle + (b - a) * 0.1), h + 1);
            assert_eq!(f32_to_half(middle - (b - a) * 0.1), h);
        }
        assert_eq!([f32_to_half(1e9), f32_to_half(-1e9)], [0x7c00, 0xfc00]);
        assert!(half_to_f32(f32_to_half(f32::NAN)).is_nan());
    }

    #[test]
    fn a_file_of_halves_is_read_back() {
        let tensor = HostTensor { shape: vec![2, 2], values: vec![0.5, -1.25, 3.0, 0.1] };
        let weights = Weights { tensors: [("a".to_string(), tensor)].into(), ..Weights::default() }.with("k", "v");
        let back = Weights::from_bytes(&weights.to_half_bytes()).unwrap();
        assert_eq!(back.metadata["k"], "v");
        let values = &back.tensors["a"].values;
        assert_eq!(values[..3], [0.5, -1.25, 3.0]);
        assert!((values[3] - 0.1).abs() < 1e-4);
    }
}
