pub mod folder;
pub mod preview;
pub mod report;
