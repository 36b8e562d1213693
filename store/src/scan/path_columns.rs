//! What a split knows of one path: the columns of its values, and which
//! documents the record decides.

use super::error::ScanError;
use crate::fields;
use crate::index::columns::{BooleanColumn, IntegerColumn, Marks, TextColumn};
use crate::index::docset::DocSet;
use crate::index::layout;
use crate::index::reader::SplitReader;
use crate::path::{Arrays, FieldPath};

/// The columns of one path.
pub(crate) struct PathColumns {
    pub text_name: String,
    pub texts: Option<TextColumn>,
    pub integers: Option<IntegerColumn>,
    pub booleans: Option<BooleanColumn>,
    see_record: Option<Marks>,
    in_array: Option<Marks>,
    /// Documents whose values at the path may have no columns.
    overflow: Option<Marks>,
}

impl PathColumns {
    /// The columns of a path of keys.
    pub fn open(split: &SplitReader, path: &FieldPath) -> Result<Self, ScanError> {
        let name = path.to_string();
        let column = |kind: &str| format!("{kind}{name}");
        // Documented fields have their columns whatever else there is.
        let overflow = match fields::known(&name) {
            Some(_) => None,
            None => split.marks(layout::OVERFLOW)?,
        };
        Ok(Self {
            texts: split.texts(&column(layout::TEXT))?,
            integers: split.integers(&column(layout::INTEGER))?,
            booleans: split.booleans(&column(layout::BOOLEAN))?,
            see_record: split.marks(&column(layout::SEE_RECORD))?,
            in_array: split.marks(&column(layout::IN_ARRAY))?,
            overflow,
            text_name: column(layout::TEXT),
        })
    }

    /// The documents with a text, an integer or a boolean.
    pub fn scalars(&self, within: &DocSet) -> DocSet {
        let marks = [
            self.texts.as_ref().map(TextColumn::marks),
            self.integers.as_ref().map(IntegerColumn::marks),
            self.booleans.as_ref().map(|b| b.marks()),
        ];
        marks
            .iter()
            .flatten()
            .fold(DocSet::none(within.range()), |sum, marks| {
                sum.or(&marks.documents(within))
            })
    }

    /// The documents with anything but null.
    pub fn present(&self, within: &DocSet) -> DocSet {
        self.scalars(within).or(&self.see_record(within))
    }

    fn see_record(&self, within: &DocSet) -> DocSet {
        documents(&self.see_record, within)
    }

    pub fn in_array(&self, within: &DocSet) -> DocSet {
        documents(&self.in_array, within)
    }

    pub fn overflowed(&self, within: &DocSet) -> DocSet {
        documents(&self.overflow, within)
    }

    /// The documents that may have an object or array.
    pub fn containers(&self, within: &DocSet) -> DocSet {
        self.see_record(within).or(&self.overflowed(within))
    }

    /// The documents of whose value a test has to ask the record.
    pub fn undecided(&self, arrays: Arrays, within: &DocSet) -> DocSet {
        let undecided = self.containers(within);
        match arrays {
            Arrays::Any => undecided,
            Arrays::Exact => undecided.or(&self.in_array(within)),
        }
    }

    /// The documents whose value is shown from the record.
    pub fn shown_from_record(&self, within: &DocSet) -> DocSet {
        self.undecided(Arrays::Exact, within)
    }
}

fn documents(marks: &Option<Marks>, within: &DocSet) -> DocSet {
    match marks {
        Some(marks) => marks.documents(within),
        None => DocSet::none(within.range()),
    }
}

/// The documents with a mark at a path.
pub(crate) fn marked(
    split: &SplitReader,
    kind: &str,
    path: &str,
    within: &DocSet,
) -> Result<DocSet, ScanError> {
    let marks = split.marks(&format!("{kind}{path}"))?;
    Ok(documents(&marks, within))
}
