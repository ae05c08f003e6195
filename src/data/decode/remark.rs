//! What is worth telling of how a picture was read.

/// Something that was done to pixels, or left undone, so that they are seen as they are meant.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Remark {
    /// Colours were converted to sRGB from this.
    Converted(String),
    /// A colour profile for print was not used.
    ProfileForPrint,
    /// A colour profile is damaged, or of a kind that is not used.
    ProfileBroken,
    /// Colours for screens brighter than sRGB were taken as they are.
    HighDynamicRange,
    /// Colours that were multiplied by their alpha were divided by it.
    Premultiplied,
    /// Alpha that the file says is none, or that would hide everything, was not used.
    Opaque,
    /// The first frame is empty, and the first that is not was taken.
    LaterFrame,
    /// The end of the file is missing, but no part of the picture.
    NoEnd,
}

impl Remark {
    /// What happened to so many pictures, in a sentence without a full stop.
    pub fn says(&self, count: u64) -> String {
        let pictures = if count == 1 { "1 picture".to_owned() } else { format!("{count} pictures") };
        match self {
            Self::Converted(from) => format!("The colours of {pictures} were converted to sRGB from {from}"),
            Self::ProfileForPrint => {
                format!("{pictures}: the colour profile for print is not used, so the colours are only near")
            }
            Self::ProfileBroken => {
                format!("{pictures}: the colour profile is damaged or does not fit, so the colours are taken as sRGB")
            }
            Self::HighDynamicRange => {
                format!("{pictures} for high dynamic range: the colours are taken as they are and look flat")
            }
            Self::Premultiplied => {
                format!("{pictures}: colours that were multiplied by their alpha were divided by it")
            }
            Self::Opaque => {
                format!("{pictures}: an alpha channel that hides everything, or is said to be none, was not used")
            }
            Self::LaterFrame => format!("{pictures}: the first frame is empty, so a later one was taken"),
            Self::NoEnd => format!("{pictures}: the end of the file is missing, but no part of the picture"),
        }
    }
}

/// What was noticed of one picture.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Facts {
    /// What was done to its pixels; almost always nothing.
    pub remarks: Vec<Remark>,
    /// Of a picture with 16 bits a channel: how many its largest value needs.
    pub bits: Option<u32>,
}
