"""What is wrong with a field."""

from __future__ import annotations

from collections.abc import Mapping

FAULTS: Mapping[str, tuple[str, str]] = {
    "missing": ("필수 항목입니다.", "This is required."),
    "json_invalid": (
        "JSON 형식이 올바르지 않습니다[ ({at}번째 글자)].",
        "This is no valid JSON[ (at character {at})].",
    ),
    "body_shape": (
        "본문의 형식이 다릅니다. Content-Type: application/json 으로 문서의 형식대로 보내 주세요.",
        "The body has another shape than documented. Send JSON with Content-Type: application/json.",
    ),
    "extra_forbidden": ("없는 항목입니다. 이름을 확인해 주세요.", "There is no such field. Check its name."),
    "greater_than_equal": ("{ge} 이상이어야 합니다.", "It must be at least {ge}."),
    "less_than_equal": ("{le} 이하여야 합니다.", "It must be at most {le}."),
    "greater_than": ("{gt}보다 커야 합니다.", "It must be more than {gt}."),
    "string_too_long": ("{max_length}자 이하여야 합니다.", "It must have at most {max_length} characters."),
    "string_too_short": ("{min_length}자 이상이어야 합니다.", "It must have at least {min_length} characters."),
    "too_long": ("{max_length}개까지 보낼 수 있습니다.", "At most {max_length} are possible."),
    "too_short": ("{min_length}개 이상이어야 합니다.", "At least {min_length} are needed."),
    "literal_error": ("다음 중 하나여야 합니다: {expected}", "It must be one of {expected}."),
    "enum": ("다음 중 하나여야 합니다: {expected}", "It must be one of {expected}."),
    "int_type": ("따옴표 없는 정수여야 합니다.", "It must be an integer, without quotes."),
    "int_parsing": ("정수여야 합니다.", "It must be an integer."),
    "int_from_float": ("소수 없는 정수여야 합니다.", "It must be a whole number."),
    "string_type": ("문자열이어야 합니다.", "It must be a string."),
    "list_type": ("배열이어야 합니다.", "It must be an array."),
    "model_type": ("객체여야 합니다.", "It must be an object."),
    "model_attributes_type": ("객체여야 합니다.", "It must be an object."),
    "dict_type": ("객체여야 합니다.", "It must be an object."),
    "datetime_type": ("ISO 8601 시각이어야 합니다.", "It must be an ISO 8601 time."),
    "datetime_parsing": ("ISO 8601 시각이어야 합니다.", "It must be an ISO 8601 time."),
    "datetime_from_date_parsing": ("ISO 8601 시각이어야 합니다.", "It must be an ISO 8601 time."),
    "timezone_aware": ("시간대가 있는 시각이어야 합니다 (예: +09:00).", "The time needs an offset, such as +09:00."),
    "string_pattern_mismatch": (
        "쓸 수 없는 문자가 있습니다.",
        "It contains characters that are not possible here.",
    ),
    "string_unicode": ("올바른 유니코드가 아닙니다.", "It is no valid Unicode."),
    "value_error": ("올바르지 않은 값입니다.", "The value is not possible."),
}
"""By pydantic's name of the fault; `value_error` stands for those not listed."""

SUMMARY = ("요청에 잘못된 항목이 있습니다. {listed}", "The request has fields that are wrong. {listed}")
