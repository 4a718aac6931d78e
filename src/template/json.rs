//! What a template gave, as plain data.

use minijinja::Value;
use minijinja::value::ValueKind;
use serde_json::{Map, Number, Value as Json, json};

use super::secret::{MISUSED, TRACE, reference};
use crate::value::SecretRef;

/// The most values in what one template gives.
const MAX_VALUES: usize = 10_000;
/// The most bytes of text in what one template gives.
pub(super) const MAX_BYTES: usize = 1 << 20;

/// A value as plain data, references to secrets as the map that kinds know.
///
/// # Errors
/// What cannot be said in plain data, in words.
pub fn to_json(value: &Value) -> Result<Json, String> {
    convert(value, &mut Budget { depth: MAX_DEPTH, values: MAX_VALUES, bytes: MAX_BYTES })
}

/// The deepest nesting of what one template gives.
const MAX_DEPTH: usize = 64;

struct Budget {
    depth: usize,
    values: usize,
    bytes: usize,
}

impl Budget {
    fn spend(&mut self, bytes: usize) -> Result<(), String> {
        let left = self.values.checked_sub(1).zip(self.bytes.checked_sub(bytes));
        let (values, bytes) =
            left.ok_or_else(|| format!("this gives more than {MAX_VALUES} values or {} MiB of text", MAX_BYTES >> 20))?;
        *self = Budget { depth: self.depth, values, bytes };
        Ok(())
    }
}

fn convert(value: &Value, budget: &mut Budget) -> Result<Json, String> {
    let deeper =
        budget.depth.checked_sub(1).ok_or_else(|| format!("this gives more than {MAX_DEPTH} levels of nesting"))?;
    budget.depth = deeper;
    let converted = convert_one(value, budget);
    budget.depth += 1;
    converted
}

fn convert_one(value: &Value, budget: &mut Budget) -> Result<Json, String> {
    if let Some(reference) = reference(value) {
        return Ok(json!({ SecretRef::MARK: reference }));
    }
    let text = value.as_str();
    budget.spend(text.map_or(0, str::len))?;
    match value.kind() {
        ValueKind::None => Ok(Json::Null),
        ValueKind::Bool => Ok(Json::Bool(value.is_true())),
        ValueKind::Number => number(value),
        ValueKind::String => match text {
            Some(text) if text.contains(TRACE) => Err(MISUSED.to_owned()),
            Some(text) => Ok(Json::String(text.to_owned())),
            None => Err("this text is not UTF-8".to_owned()),
        },
        ValueKind::Seq | ValueKind::Iterable => {
            let items = value.try_iter().map_err(|error| error.to_string())?;
            items.map(|item| convert(&item, budget)).collect::<Result<Vec<Json>, String>>().map(Json::Array)
        }
        ValueKind::Map => {
            let mut map = Map::new();
            for key in value.try_iter().map_err(|error| error.to_string())? {
                let name = key.as_str().ok_or("a key must be a text")?;
                if name == SecretRef::MARK {
                    return Err(format!("`{name}` cannot be a key"));
                }
                let below = value.get_item(&key).map_err(|error| error.to_string())?;
                map.insert(name.to_owned(), convert(&below, budget)?);
            }
            Ok(Json::Object(map))
        }
        ValueKind::Undefined => Err("this gives nothing".to_owned()),
        _ => Err(format!("this gives {} and no plain value", value.kind())),
    }
}

fn number(value: &Value) -> Result<Json, String> {
    if value.is_integer() {
        let signed = i64::try_from(value.clone()).map(Number::from);
        let number = signed.or_else(|_| u64::try_from(value.clone()).map(Number::from));
        return number.map(Json::Number).map_err(|_| format!("the number {value} is too large"));
    }
    let float = f64::try_from(value.clone()).ok().and_then(Number::from_f64);
    float.map(Json::Number).ok_or_else(|| format!("{value} is no number that can be written"))
}
