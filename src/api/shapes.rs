//! The service's answers, as objects to read (docs/service.md §4): every field may be missing, null or of another type, and
//! then only that field says nothing. [`super::wire`] makes our types of them.

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::Value;

use super::fields::{Field, FromField, Text, nested, object};
use crate::job::{Credits, Percent};

/// A task (docs/service.md §4.1, §4.3). Its result links are apart, in [`super::links`].
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct TaskObject {
    pub id: Field<Text>,
    pub status: Field<String>,
    pub model: Field<String>,
    pub progress: Field<Percent>,
    pub created: Field<Timestamp>,
    /// What a row of the task list calls it.
    pub created_at: Field<Timestamp>,
    /// Seconds.
    pub duration: Field<f64>,
    #[serde(deserialize_with = "nested")]
    pub task_info: TaskInfo,
    #[serde(deserialize_with = "nested")]
    pub usage: Usage,
    #[serde(deserialize_with = "nested")]
    pub billing: Billing,
    pub error: Field<TaskError>,
    pub request_id: Field<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct TaskInfo {
    /// Seconds.
    pub estimated_time: Field<u32>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Usage {
    pub credits_reserved: Field<Credits>,
    pub credits_used: Field<Credits>,
    #[serde(deserialize_with = "nested")]
    pub cost: Cost,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Cost {
    pub credits: Field<Credits>,
}

/// Money of newer gateways (docs/service.md §9.4).
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Billing {
    pub refund_scope: Field<Text>,
    pub charge_status: Field<String>,
    pub refund_status: Field<String>,
    pub reserved_credits: Field<Credits>,
    pub charged_credits: Field<Credits>,
    pub refunded_credits: Field<Credits>,
    pub refunded_at: Field<Text>,
}

/// Why a task failed: an object, or the code alone.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct TaskError {
    pub code: Field<String>,
    pub message: Field<String>,
    pub suggestion: Field<String>,
}

impl FromField for TaskError {
    fn read(value: &Value) -> Option<Self> {
        if value.is_object() {
            return Some(object(value));
        }
        String::read(value).map(|code| Self { code: Field::Is(code), ..Self::default() })
    }
}

/// What a page of the task list says of itself (docs/service.md §4.6).
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct ListHead {
    pub page: Field<f64>,
    pub page_size: Field<f64>,
    /// Rows of all pages.
    pub total: Field<u32>,
}

/// A row of the task list (docs/service.md §4.6).
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Row {
    pub id: Field<Text>,
    pub model: Field<String>,
    pub status: Field<String>,
    pub progress: Field<Percent>,
    pub created_at: Field<Timestamp>,
    pub created: Field<Timestamp>,
    pub result_count: Field<u32>,
    pub credits_used: Field<Credits>,
}

/// What is left (docs/service.md §4.7).
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Left {
    #[serde(deserialize_with = "nested")]
    pub user: OfAccount,
    #[serde(deserialize_with = "nested")]
    pub token: OfKey,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct OfAccount {
    pub remaining_credits: Field<Credits>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct OfKey {
    pub remaining_credits: Field<Credits>,
    pub unlimited_credits: Field<bool>,
    pub daily_limit_credits: Field<Credits>,
    pub daily_used_credits: Field<Credits>,
    pub reset_timezone: Field<String>,
}
