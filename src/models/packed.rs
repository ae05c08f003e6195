//! Files whose matrices have four bits a number: `NAME.q4` with `NAME.scales` beside it.
//!
//! A byte holds two numbers of a row, the low half first; 32 of them share a scale; a number is `(half − 8) · scale`.

use std::collections::BTreeMap;

use super::io::{HostTensor, Weights};
use super::shipped::damaged;
use super::tensor_file;
use crate::base::Result;

/// Numbers of a row that share a scale.
const GROUP: usize = 32;

/// A matrix of four bits a number.
#[derive(Clone, Debug)]
pub struct FourBit {
    columns: usize,
    halves: Vec<u8>,
    scales: Vec<f32>,
}

impl FourBit {
    /// Its rows.
    pub fn rows(&self) -> usize {
        self.halves.len() * 2 / self.columns
    }

    /// The numbers of a row.
    ///
    /// # Panics
    /// There is no such row.
    pub fn row(&self, i: usize) -> impl Iterator<Item = f32> {
        let halves = &self.halves[i * self.columns / 2..(i + 1) * self.columns / 2];
        let scales = &self.scales[i * self.columns / GROUP..(i + 1) * self.columns / GROUP];
        let number = |half: u8, scale: f32| (f32::from(half) - 8.0) * scale;
        halves.chunks_exact(GROUP / 2).zip(scales).flat_map(move |(halves, scale)| {
            halves.iter().flat_map(move |b| [number(b & 15, *scale), number(b >> 4, *scale)])
        })
    }

    /// All numbers, row by row.
    pub fn dense(&self) -> Vec<f32> {
        (0..self.rows()).flat_map(|i| self.row(i)).collect()
    }
}

/// What is in such a file.
#[derive(Debug, Default)]
pub struct Packed {
    plain: Weights,
    matrices: BTreeMap<String, FourBit>,
    bytes: BTreeMap<String, Vec<u8>>,
}

impl Packed {
    /// Reads a file's bytes.
    ///
    /// # Errors
    /// It is no safetensors file, or a matrix of it has no scales or scales of another size.
    pub fn read(bytes: &[u8]) -> Result<Self> {
        let (mut plain, raw) = tensor_file::with_bytes(bytes)?;
        let mut out = Self::default();
        for (name, (shape, halves)) in raw {
            let Some(matrix) = name.strip_suffix(".q4") else {
                out.bytes.insert(name, halves);
                continue;
            };
            let scales = plain.tensors.remove(&format!("{matrix}.scales"));
            let [rows, half] = shape[..] else { return Err(damaged(format!("{name} is no matrix"))) };
            let scales = scales.filter(|s| half > 0 && half % (GROUP / 2) == 0 && s.shape == [rows, 2 * half / GROUP]);
            let scales = scales.ok_or_else(|| damaged(format!("{name} has no scales of its size")))?.values;
            out.matrices.insert(matrix.to_string(), FourBit { columns: 2 * half, halves, scales });
        }
        out.plain = plain;
        Ok(out)
    }

    /// Takes a matrix of so many columns out.
    ///
    /// # Errors
    /// There is none.
    pub fn take(&mut self, name: &str, columns: usize) -> Result<FourBit> {
        let matrix = self.matrices.remove(name).filter(|m| m.columns == columns);
        matrix.ok_or_else(|| damaged(format!("there is no matrix {name} of {columns} columns")))
    }

    /// A text.
    ///
    /// # Errors
    /// There is none of this name.
    pub fn text(&self, name: &str) -> Result<String> {
        let bytes = self.bytes.get(name).and_then(|b| String::from_utf8(b.clone()).ok());
        bytes.ok_or_else(|| damaged(format!("there is no text {name}")))
    }

    /// Everything else as weights, matrices transposed: PyTorch keeps `[out, in]`, the studio `[in, out]`.
    pub fn into_transposed(self) -> Weights {
        let mut weights = self.plain;
        for (name, matrix) in self.matrices {
            let (rows, columns) = (matrix.rows(), matrix.columns);
            let mut values = vec![0.0; rows * columns];
            for i in 0..rows {
                matrix.row(i).enumerate().for_each(|(j, v)| values[j * rows + i] = v);
            }
            weights.tensors.insert(name, HostTensor { shape: vec![columns, rows], values });
        }
        weights
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A file with these tensors: name, type, shape, bytes.
    fn file(tensors: &[(&str, &str, &[usize], Vec<u8>)]) -> Vec<u8> {
        let (mut header, mut data) = (serde_json::Map::new(), Vec::new());
        for (name, dtype, shape, bytes) in tensors {
            let from = data.len();
            data.extend(bytes);
            let entry = serde_json::json!({ "dtype": dtype, "shape": shape, "data_offsets": [from, data.len()] });
            header.insert((*name).into(), entry);
        }
        let text = serde_json::Value::Object(header).to_string();
        [&(text.len() as u64).to_le_bytes(), text.as_bytes(), &data].concat()
    }

    #[test]
    fn numbers_come_out_in_order_with_their_scales() {
        // Two rows of 32: 0, 1, 2 … 15, 0, 1 … with scales 2 and −0.5.
        let halves: Vec<u8> = (0..32u8).map(|i| (2 * i % 16) | ((2 * i + 1) % 16) << 4).collect();
        let scales: Vec<u8> = [0x4000u16, 0xb800].iter().flat_map(|h| h.to_le_bytes()).collect();
        let bytes = file(&[("m.q4", "U8", &[2, 16], halves.clone()), ("m.scales", "F16", &[2, 1], scales.clone())]);
        let expected = |i: usize, scale: f32| ((i % 16) as f32 - 8.0) * scale;
        let matrix = Packed::read(&bytes).unwrap().take("m", 32).unwrap();
        let want: Vec<f32> = (0..32).map(|i| expected(i, 2.0)).chain((0..32).map(|i| expected(i, -0.5))).collect();
        assert_eq!((matrix.rows(), matrix.dense()), (2, want));
        let turned = Packed::read(&bytes).unwrap().into_transposed().tensors["m"].clone();
        assert_eq!((turned.shape, turned.values[1]), (vec![32, 2], expected(0, -0.5)));
        let lone = file(&[("m.q4", "U8", &[2, 16], halves.clone())]);
        let short = file(&[("m.q4", "U8", &[2, 16], halves), ("m.scales", "F16", &[1, 1], scales[..2].to_vec())]);
        for bytes in [lone, short] {
            assert!(Packed::read(&bytes).unwrap_err().detail.unwrap().contains("no scales"));
        }
    }
}
