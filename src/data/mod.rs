//! Pictures in: sources, decoding, survey, preparation and batches.
//!
//! A data set is named by a short text, the *source*: a path (folder, zip, tar, picture, IDX or CIFAR file) or a
//! built-in set (`emoji`, `emoji:faces`, `fashion`, `shapes`, `shapes:5000`). [`open`] finds the row of [`SOURCES`] that knows it.
//!
//! ```text
//! open ─► ImageSource ─► survey   what is in it: sizes, labels, broken files, duplicates
//!                    └─► prepare  decode threads ─► square pixels ─► one memory-mapped file (Prepared)
//!                                                                     └─► Sampler ─► batches, by seed and position
//! ```
//!
//! Nothing a file holds may panic or end the work: what cannot be used is listed with its reason and left out.

mod archive;
pub mod aspect;
mod attend;
pub mod augment;
mod batch;
mod cache;
mod captions;
mod channel_guess;
mod cifar;
mod column_roles;
mod dataset_json;
mod decode;
mod decode_pool;
mod dir_walk;
mod duplicates;
pub mod dvc;
mod emoji;
mod fashion;
mod folder;
mod formats;
pub mod guess;
pub mod hide;
mod idx;
mod idx_labels;
mod known;
mod limits;
mod listing;
mod made_here;
pub mod manifest;
pub mod marked;
mod memory_gate;
mod name_match;
pub mod points;
mod pread;
mod prepare;
mod read_notes;
pub mod recrop;
pub mod report;
mod resize;
mod rubbish;
mod shapes;
mod sidecars;
mod source;
mod sources;
mod stacked;
mod stamp;
mod structure;
mod survey;
mod table_join;
mod tar;
mod text_encoding;
pub mod words;
mod zip;
mod zip_names;

#[cfg(test)]
mod bad_input;

pub use attend::{Patience, SILENT, WAITING, attended};
pub use batch::Sampler;
pub use cache::{FORMAT as PREPARED_FORMAT, PREFIX as PREPARING, Prepared};
pub use channel_guess::{Tones, tones};
pub use decode::{Decoded, Facts, How, Remark, decode_as, decode_bytes, decode_file};
pub use fashion::{LICENCE as FASHION_LICENCE, NAME as FASHION};
pub use guess::Guess;
pub use prepare::{prepare, prepared_bytes, prepared_path};
pub use report::{BrokenFile, DuplicateGroup, Survey, SurveyEntry};
pub use resize::{prepare_picture, scaled, thumbnail};
pub use source::{ImageSource, Opening, absolute, joined, name_of, path_of};
pub use sources::{SOURCES, SourceKind, Within, is_built_in, is_there, open, open_as, typed, within};
pub use survey::survey;
