"""Every table, and the constraints that say what must never be.

Amounts are integer minor units of the order's currency; times are ``timestamptz``. Words in text columns are those of
`domain.claims` and `domain.orders`. The migrations in `store/migrations` create exactly this; a test compares them.
"""

from __future__ import annotations

from enum import StrEnum

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Date,
    DateTime,
    ForeignKey,
    ForeignKeyConstraint,
    Identity,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    Sequence,
    Table,
    Text,
    UniqueConstraint,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, INT8RANGE, JSONB, ExcludeConstraint

from domain.claims import (
    Actor,
    AttemptState,
    Channel,
    ChargeState,
    ClaimKind,
    ClaimStatus,
    Direction,
    EffectState,
    ExternalState,
    LegState,
    NoticeEvent,
    NoticeState,
    PayoutState,
    ReceiptState,
    SettledBy,
    Step,
    StepStatus,
    StuckReason,
)
from domain.costs import CostKind, CouponCause, Rule
from domain.events import EventType
from domain.notices import Route, RouteState, SentBy
from domain.orders import BelowMinimum, Fault, LineStatus, Means, PaymentStatus, Promotion, SaleMethod, SaleStatus
from domain.policy import Returning

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

claim_numbers = Sequence("claim_numbers", metadata=metadata)
parking_numbers = Sequence("parking_numbers", metadata=metadata)


def _one_of(column: str, words: type[StrEnum]) -> CheckConstraint:
    listed = ", ".join(f"'{word.value}'" for word in words)
    return CheckConstraint(f'"{column}" IN ({listed})', name=column)


def _at(name: str, *, nullable: bool = False, now: bool = False) -> Column:  # type: ignore[type-arg]
    return Column(name, DateTime(timezone=True), nullable=nullable, server_default=func.now() if now else None)


# --- the shop, as its systems feed it ------------------------------------------------------------------------------

members = Table(
    "members",
    metadata,
    Column("member_no", Text, primary_key=True),
    Column("name", Text),
    Column("email", Text),
    Column("phone", Text),
    Column("mileage", BigInteger, nullable=False, server_default="0"),
    Column("deposit", BigInteger, nullable=False, server_default="0"),
    Column(
        "points_owed", BigInteger, nullable=False, server_default="0", comment="earned points spent before taken back"
    ),
    Column("stub", Boolean, nullable=False, server_default=text("false"), comment="named by an order, not fed yet"),
    CheckConstraint("mileage >= 0", name="mileage"),
    CheckConstraint("deposit >= 0", name="deposit"),
    CheckConstraint("points_owed >= 0", name="points_owed"),
)

stored_means = Table(
    "stored_means",
    metadata,
    Column("member_no", Text, ForeignKey("members.member_no"), nullable=False),
    Column("stored_no", Text, nullable=False, comment="the shop's number of it"),
    Column("position", Integer, nullable=False),
    Column("means", Text, nullable=False),
    Column("gateway", Text, nullable=False),
    Column("name", Text, nullable=False, comment="what the customer knows it by"),
    Column("ciphertext", LargeBinary, nullable=False, comment="the gateway's token, encrypted"),
    PrimaryKeyConstraint("member_no", "stored_no"),
    _one_of("means", Means),
)

items = Table(
    "items",
    metadata,
    Column("goods_no", Text, nullable=False),
    Column("variant_no", Text, nullable=False),
    Column("goods_name", Text, nullable=False),
    Column("variant_name", Text, nullable=False),
    Column("options", JSONB, nullable=False, comment="[[name, value], …]"),
    Column("price", BigInteger, nullable=False),
    Column("sale_status", Text, nullable=False),
    Column("sale_method", Text, nullable=False),
    Column("stock", BigInteger, nullable=False),
    PrimaryKeyConstraint("goods_no", "variant_no"),
    CheckConstraint("price >= 0", name="price"),
    CheckConstraint("stock >= 0", name="stock"),
    _one_of("sale_status", SaleStatus),
    _one_of("sale_method", SaleMethod),
)

coupons = Table(
    "coupons",
    metadata,
    Column("coupon_no", Text, primary_key=True),
    Column("member_no", Text),
    Column("promotion", Text),
    Column("name", Text),
    _at("expires_at", nullable=True),
    Column("used_order_no", Text),
    Column("reissue_of", Text, comment="the coupon that a claim gave this one for"),
    Column("stub", Boolean, nullable=False, server_default=text("false"), comment="named by an order, not fed yet"),
    _one_of("promotion", Promotion),
)

orders = Table(
    "orders",
    metadata,
    Column("order_no", Text, primary_key=True),
    Column("member_no", Text, ForeignKey("members.member_no"), comment="null: a guest's order"),
    Column("password_hash", Text, comment="guests only; argon2"),
    Column("buyer_name", Text, nullable=False),
    Column("email", Text),
    Column("phone", Text),
    Column("medium", Text, nullable=False),
    Column("currency", Text, nullable=False, comment="ISO 4217"),
    _at("ordered_at"),
    CheckConstraint("(member_no IS NULL) = (password_hash IS NOT NULL)", name="member_or_guest"),
)

order_groups = Table(
    "order_groups",
    metadata,
    Column("order_no", Text, ForeignKey("orders.order_no"), nullable=False),
    Column("group_no", Text, nullable=False),
    Column("position", Integer, nullable=False),
    Column("policy_no", Text, nullable=False),
    Column("free_from", BigInteger, nullable=False),
    Column("fee", BigInteger, nullable=False),
    Column("fee_discount", BigInteger, nullable=False),
    Column("fee_paid", BigInteger, nullable=False),
    Column("coupon_no", Text, ForeignKey("coupons.coupon_no")),
    Column("surcharge", BigInteger, nullable=False, server_default="0", comment="paid for a remote area"),
    Column("collect", Boolean, nullable=False, server_default=text("false"), comment="the carrier takes its fee"),
    PrimaryKeyConstraint("order_no", "group_no"),
    CheckConstraint("free_from >= 0 AND fee >= 0 AND fee_discount >= 0 AND fee_paid >= 0", name="amounts"),
    CheckConstraint("surcharge >= 0", name="surcharge"),
)

order_lines = Table(
    "order_lines",
    metadata,
    Column("order_no", Text, ForeignKey("orders.order_no"), nullable=False),
    Column("line_no", Integer, nullable=False),
    Column("line_id", BigInteger, Identity(always=True), nullable=False, unique=True, comment="see claim_lines.units"),
    Column("goods_no", Text, nullable=False),
    Column("goods_name", Text, nullable=False),
    Column("variant_no", Text, nullable=False, comment="of the units left; an option change moves it"),
    Column("variant_name", Text, nullable=False),
    Column("quantity", BigInteger, nullable=False, comment="as ordered; never changes"),
    Column("price", BigInteger, nullable=False),
    Column("group_no", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("tax_free", Boolean, nullable=False),
    Column("gift_of", Integer, comment="the line that this gift comes with"),
    Column("gift_minimum", BigInteger, comment="the amount from which this gift is given"),
    Column("earned_points", BigInteger, nullable=False, server_default="0"),
    PrimaryKeyConstraint("order_no", "line_no"),
    ForeignKeyConstraint(["order_no", "group_no"], ["order_groups.order_no", "order_groups.group_no"]),
    ForeignKeyConstraint(["goods_no", "variant_no"], ["items.goods_no", "items.variant_no"]),
    CheckConstraint("quantity > 0 AND quantity < 2147483648", name="quantity"),
    CheckConstraint("price >= 0", name="price"),
    CheckConstraint("gift_of IS NULL OR gift_minimum IS NULL", name="one_gift_condition"),
    CheckConstraint("earned_points >= 0", name="earned_points"),
    _one_of("status", LineStatus),
)

order_benefits = Table(
    "order_benefits",
    metadata,
    Column("order_no", Text, ForeignKey("orders.order_no"), nullable=False),
    Column("coupon_no", Text, ForeignKey("coupons.coupon_no"), nullable=False),
    Column("position", Integer, nullable=False),
    Column("promotion", Text, nullable=False),
    Column("amount", BigInteger, nullable=False),
    Column("minimum", BigInteger, nullable=False),
    Column("below_minimum", Text, comment="the coupon's own policy; null: the shop's"),
    PrimaryKeyConstraint("order_no", "coupon_no"),
    CheckConstraint("amount >= 0 AND minimum >= 0", name="amounts"),
    _one_of("promotion", Promotion),
    _one_of("below_minimum", BelowMinimum),
)

order_benefit_shares = Table(
    "order_benefit_shares",
    metadata,
    Column("order_no", Text, nullable=False),
    Column("coupon_no", Text, nullable=False),
    Column("line_no", Integer, nullable=False),
    Column("amount", BigInteger, nullable=False),
    PrimaryKeyConstraint("order_no", "coupon_no", "line_no"),
    ForeignKeyConstraint(["order_no", "coupon_no"], ["order_benefits.order_no", "order_benefits.coupon_no"]),
    ForeignKeyConstraint(["order_no", "line_no"], ["order_lines.order_no", "order_lines.line_no"]),
    CheckConstraint("amount >= 0", name="amount"),
)

order_payments = Table(
    "order_payments",
    metadata,
    Column("order_no", Text, ForeignKey("orders.order_no"), nullable=False),
    Column("payment_no", Text, nullable=False),
    Column("position", Integer, nullable=False),
    Column("means", Text, nullable=False),
    Column("amount", BigInteger, nullable=False),
    Column("status", Text, nullable=False),
    Column("gateway", Text),
    Column("gateway_ref", Text),
    Column("partial_cancel", Boolean, nullable=False),
    Column("refunding", BigInteger, nullable=False, server_default="0", comment="sum of the legs that are not void"),
    Column("tax_free", BigInteger, comment="tax-free part, as the gateway was told; null: it was told none"),
    Column("vat", BigInteger, comment="VAT in the rest, as the gateway was told"),
    Column("refunding_tax_free", BigInteger, nullable=False, server_default="0", comment="tax-free part of refunding"),
    _at("expires_at", nullable=True),
    Column("receipt_ref", Text, comment="the gateway's own name of a cash receipt issued by itself"),
    Column("taken_by", Text, comment="the claim that took it as its extra payment; null: made at purchase"),
    Column("closed_by", Text, comment="the claim that closed it while it was waiting"),
    Column("captured_late", BigInteger, comment="what came in all the same after a claim had closed it"),
    _at("closed_at_gateway", nullable=True),
    PrimaryKeyConstraint("order_no", "payment_no"),
    CheckConstraint("amount >= 0", name="amount"),
    CheckConstraint("refunding >= 0 AND refunding <= coalesce(captured_late, amount)", name="never_above_paid"),
    CheckConstraint(
        "refunding_tax_free >= 0 AND refunding_tax_free <= coalesce(tax_free, 0)", name="tax_free_never_above_paid"
    ),
    CheckConstraint("closed_by IS NULL OR (status = 'waiting') = (captured_late IS NULL)", name="closed_while_waiting"),
    CheckConstraint("captured_late > 0 AND status = 'paid' OR captured_late IS NULL", name="captured_late"),
    _one_of("means", Means),
    _one_of("status", PaymentStatus),
)
Index(
    "ix_order_payments_with_receipt",
    order_payments.c.order_no,
    order_payments.c.payment_no,
    postgresql_where=text("receipt_ref IS NOT NULL"),
)

Index(
    "ix_order_payments_gateway_ref",
    order_payments.c.gateway,
    order_payments.c.gateway_ref,
    postgresql_where=text("gateway_ref IS NOT NULL"),
)

# --- requests, before they are claims -------------------------------------------------------------------------------

private_parts = Table(
    "private_parts",
    metadata,
    Column("private_id", BigInteger, Identity(always=True), primary_key=True),
    Column("ciphertext", LargeBinary, comment="null: erased"),
    Column("account_shown", Text, comment="of a refund account among them: its bank and last four digits"),
    _at("created_at", now=True),
    _at("erased_at", nullable=True),
    CheckConstraint("(ciphertext IS NULL) = (erased_at IS NOT NULL)", name="there_or_erased"),
)
Index("ix_private_parts_kept", private_parts.c.created_at, postgresql_where=text("ciphertext IS NOT NULL"))

requests = Table(
    "requests",
    metadata,
    Column("order_no", Text, ForeignKey("orders.order_no"), nullable=False),
    Column("request_key", Text, nullable=False, comment="hash of kind and the caller's key, or of the quote's nonce"),
    Column("claim_no", Text, nullable=False, unique=True, comment="reserved for the claim that this may become"),
    Column("digest", Text, nullable=False, comment="of the body, without the password"),
    Column("private_id", BigInteger, ForeignKey("private_parts.private_id")),
    _at("first_at", now=True),
    PrimaryKeyConstraint("order_no", "request_key"),
)

guest_failures = Table(
    "guest_failures",
    metadata,
    Column("subject", Text, nullable=False, comment="order:<number> or address:<address>"),
    _at("at", now=True),
    Index("ix_guest_failures_subject_at", "subject", "at"),
)

# --- the rules ------------------------------------------------------------------------------------------------------

policies = Table(
    "policies",
    metadata,
    Column("version", Text, primary_key=True),
    Column("content", JSONB, nullable=False, comment="the whole policy, as it was when this version was first used"),
    _at("first_used_at", now=True),
    comment="append-only: a trigger refuses update and delete",
)

# --- claims ---------------------------------------------------------------------------------------------------------

claims = Table(
    "claims",
    metadata,
    Column("claim_no", Text, primary_key=True),
    Column("order_no", Text, ForeignKey("orders.order_no"), nullable=False),
    Column("kind", Text, nullable=False),
    Column("workflow_id", Text, nullable=False),
    Column("request_key", Text, nullable=False),
    Column("digest", Text, nullable=False),
    Column("quote_nonce", Text, unique=True, comment="a quote opens one claim"),
    Column("private_id", BigInteger, ForeignKey("private_parts.private_id")),
    Column("actor", Text, nullable=False),
    Column("language", Text, nullable=False, server_default="ko"),
    Column("reason_code", Text, nullable=False),
    Column("fault", Text, nullable=False),
    Column("currency", Text, nullable=False),
    Column("refund", BigInteger, nullable=False),
    Column("extra", BigInteger, nullable=False),
    Column("policy_version", Text, comment="by which it was reckoned; null: opened before policies had versions"),
    Column("status", Text, nullable=False),
    Column("direction", Text, nullable=False, server_default=Direction.FORWARD.value),
    Column("decided", Boolean, nullable=False, server_default=text("false"), comment="the pivot is passed"),
    Column("refusal_code", Text, comment="why it was undone: the wire's code"),
    Column("refusal_reason", Text),
    _at("opened_at", now=True),
    _at("moved_at", now=True),
    _at("decided_at", nullable=True),
    _at("closed_at", nullable=True),
    Column("round", Integer, nullable=False, server_default="1", comment="rises when its customer must be told anew"),
    UniqueConstraint("order_no", "request_key"),
    CheckConstraint("refund >= 0 AND extra >= 0 AND (refund = 0 OR extra = 0)", name="one_sign"),
    CheckConstraint("NOT (decided AND direction = 'UNDOING')", name="never_undone_past_the_pivot"),
    _one_of("kind", ClaimKind),
    _one_of("actor", Actor),
    _one_of("fault", Fault),
    _one_of("status", ClaimStatus),
    _one_of("direction", Direction),
)
Index(
    "uq_claims_one_undecided_cancel",
    claims.c.order_no,
    unique=True,
    postgresql_where=text("kind = 'CANCEL' AND NOT decided AND status <> 'REJECTED'"),
)
Index("ix_claims_order_no", claims.c.order_no)
Index("ix_claims_private_id", claims.c.private_id, postgresql_where=text("private_id IS NOT NULL"))
Index(
    "ix_claims_open",
    claims.c.moved_at,
    postgresql_where=text("status NOT IN ('COMPLETED', 'COMPLETED_NOTICE_FAILED', 'REJECTED')"),
)

claim_lines = Table(
    "claim_lines",
    metadata,
    Column("claim_no", Text, ForeignKey("claims.claim_no"), nullable=False),
    Column("line_no", Integer, nullable=False),
    Column("order_no", Text, nullable=False),
    Column("first", BigInteger, nullable=False, comment="first unit, counted from 1"),
    Column("quantity", BigInteger, nullable=False),
    Column("goods_no", Text, nullable=False),
    Column("variant_no", Text, nullable=False, comment="as it was when the claim was opened: what is restocked"),
    Column("variant_name", Text, nullable=False),
    Column("new_variant_no", Text, comment="option changes only"),
    Column("points", BigInteger, nullable=False, server_default="0", comment="earned points that go with the units"),
    Column("live", Boolean, nullable=False, server_default=text("true"), comment="holds its units"),
    Column(
        "units",
        INT8RANGE,
        nullable=False,
        comment="the units of all lines on one axis: line_id · 2³² + unit, so that one range tells line and units",
    ),
    PrimaryKeyConstraint("claim_no", "line_no"),
    ForeignKeyConstraint(["order_no", "line_no"], ["order_lines.order_no", "order_lines.line_no"]),
    ForeignKeyConstraint(["goods_no", "new_variant_no"], ["items.goods_no", "items.variant_no"]),
    CheckConstraint("quantity > 0", name="quantity"),
    CheckConstraint("first > 0", name="first"),
    ExcludeConstraint(("units", "&&"), where=text("live"), name="ex_claim_lines_a_unit_once"),
)
Index("ix_claim_lines_order_no", claim_lines.c.order_no)

claim_costs = Table(
    "claim_costs",
    metadata,
    Column("claim_no", Text, ForeignKey("claims.claim_no"), nullable=False),
    Column("position", Integer, nullable=False),
    Column("kind", Text, nullable=False),
    Column("rule", Text, nullable=False),
    Column("amount", BigInteger, nullable=False, comment="effect on the refund; the rows sum to refund − extra"),
    Column("line_no", Integer),
    Column("group_no", Text),
    Column("coupon_no", Text),
    Column("quantity", BigInteger),
    Column("inputs", JSONB, nullable=False, server_default=text("'{}'::jsonb"), comment="what the rule went by"),
    PrimaryKeyConstraint("claim_no", "position"),
    _one_of("kind", CostKind),
    _one_of("rule", Rule),
)

claim_coupons = Table(
    "claim_coupons",
    metadata,
    Column("claim_no", Text, ForeignKey("claims.claim_no"), nullable=False),
    Column("coupon_no", Text, ForeignKey("coupons.coupon_no"), nullable=False),
    Column("promotion", Text, nullable=False),
    Column("cause", Text, nullable=False),
    Column("returning", Text, nullable=False, comment="what is planned to become of it"),
    Column("restored", Boolean, nullable=False, comment="planned to come back, itself or as a new one"),
    Column("valid_days", Integer),
    PrimaryKeyConstraint("claim_no", "coupon_no"),
    _one_of("returning", Returning),
    _one_of("promotion", Promotion),
    _one_of("cause", CouponCause),
)

claim_steps = Table(
    "claim_steps",
    metadata,
    Column("claim_no", Text, ForeignKey("claims.claim_no"), nullable=False),
    Column("step", Text, nullable=False),
    Column("position", Integer, nullable=False),
    Column("status", Text, nullable=False),
    _at("at", now=True),
    Column("note", Text, comment="a slug for people's texts, or an operator's words"),
    PrimaryKeyConstraint("claim_no", "step"),
    _one_of("step", Step),
    _one_of("status", StepStatus),
)
LAST_STEP_OPEN = "step = 'notify' AND status NOT IN ('DONE', 'FAILED', 'SKIPPED')"
"""Of `claim_steps`: telling the customer is every claim's last step, so a claim without such a row is over."""
Index("ix_claim_steps_last_open", claim_steps.c.claim_no, postgresql_where=text(LAST_STEP_OPEN))

claim_events = Table(
    "claim_events",
    metadata,
    Column("event_id", BigInteger, Identity(always=True), primary_key=True),
    Column("claim_no", Text, nullable=False),
    Column("order_no", Text, nullable=False),
    _at("at", now=True),
    Column("actor", Text, nullable=False, comment="customer, system, gateway, or an operator's name"),
    Column("event", Text, nullable=False, comment="a slug such as claim.opened"),
    Column("step", Text),
    Column("facts", JSONB, nullable=False, server_default=text("'{}'::jsonb")),
    Index("ix_claim_events_claim_no", "claim_no"),
    comment="append-only: a trigger refuses update and delete",
)

effects = Table(
    "effects",
    metadata,
    Column("effect_key", Text, primary_key=True, comment="<step>/<claim number>[/<part>]"),
    Column("claim_no", Text, nullable=False),
    Column("state", Text, nullable=False),
    _at("at", now=True),
    _one_of("state", EffectState),
)

# --- money out ------------------------------------------------------------------------------------------------------

refund_legs = Table(
    "refund_legs",
    metadata,
    Column("leg_id", Text, primary_key=True, comment="<claim number>-<position>"),
    Column("claim_no", Text, ForeignKey("claims.claim_no"), nullable=False),
    Column("order_no", Text, nullable=False),
    Column("position", Integer, nullable=False),
    Column("payment_no", Text, nullable=False),
    Column("means", Text, nullable=False),
    Column("external", Boolean, nullable=False),
    Column("gateway", Text),
    Column("gateway_ref", Text),
    Column("amount", BigInteger, nullable=False),
    Column("tax_free", BigInteger, comment="tax-free part; null: the gateway isn't told"),
    Column("vat", BigInteger, comment="VAT in the rest; null: the gateway isn't told"),
    Column("valid_days", Integer, comment="of mileage that had expired"),
    Column(
        "late",
        Boolean,
        nullable=False,
        server_default=text("false"),
        comment="of money that came in after the claim: no part of what it was quoted",
    ),
    Column("state", Text, nullable=False, server_default=LegState.PLANNED.value),
    Column("key_no", Integer, nullable=False, server_default="1", comment="n of refund-{leg}-{n}"),
    Column("key_used_at", DateTime(timezone=True), comment="when key n was first sent"),
    Column("account_id", BigInteger, ForeignKey("private_parts.private_id"), comment="null: the claim's own account"),
    Column("refund_ref", Text, comment="the gateway's own reference of the refund"),
    Column("settled_by", Text),
    Column("evidence", Text, comment="of a leg settled by hand"),
    Column("code", Text, comment="the gateway's last code for it"),
    _at("moved_at", now=True),
    _at("settled_at", nullable=True),
    ForeignKeyConstraint(["order_no", "payment_no"], ["order_payments.order_no", "order_payments.payment_no"]),
    UniqueConstraint("claim_no", "payment_no"),
    CheckConstraint("amount > 0", name="amount"),
    CheckConstraint("external = (gateway IS NOT NULL)", name="external_has_gateway"),
    CheckConstraint("(state = 'SETTLED') = (settled_by IS NOT NULL)", name="settled_by_someone"),
    _one_of("means", Means),
    _one_of("state", LegState),
    _one_of("settled_by", SettledBy),
)
Index("ix_refund_legs_order_no", refund_legs.c.order_no)
Index(
    "ix_refund_legs_gateway_ref",
    refund_legs.c.gateway,
    refund_legs.c.gateway_ref,
    postgresql_where=text("gateway_ref IS NOT NULL"),
)
Index("ix_refund_legs_account_id", refund_legs.c.account_id, postgresql_where=text("account_id IS NOT NULL"))
Index(
    "uq_refund_legs_one_booking",
    refund_legs.c.gateway,
    refund_legs.c.gateway_ref,
    refund_legs.c.refund_ref,
    unique=True,
    postgresql_where=text("refund_ref IS NOT NULL"),
)

Index(
    "ix_refund_legs_refund_ref",
    refund_legs.c.refund_ref,
    postgresql_where=text("refund_ref IS NOT NULL"),
)

refund_attempts = Table(
    "refund_attempts",
    metadata,
    Column("leg_id", Text, ForeignKey("refund_legs.leg_id"), nullable=False),
    Column("n", Integer, nullable=False),
    Column("claim_no", Text, nullable=False),
    Column("order_no", Text, nullable=False),
    Column("payment_no", Text, nullable=False),
    Column("try_no", Integer, nullable=False, comment="counts each arming, of any n, of this leg"),
    Column("key", Text, nullable=False),
    Column("guard", BigInteger, nullable=False, comment="what the gateway should hold before it"),
    Column("state", Text, nullable=False),
    _at("armed_at", now=True),
    _at("deadline"),
    _at("settled_after"),
    Column("error_answered", Boolean, nullable=False, server_default=text("false")),
    Column("ever_unknown", Boolean, nullable=False, server_default=text("false")),
    Column("outcome", Text),
    Column("code", Text),
    _at("moved_at", now=True),
    PrimaryKeyConstraint("leg_id", "n"),
    _one_of("state", AttemptState),
)
Index(
    "uq_refund_attempts_one_sent_per_payment",
    refund_attempts.c.order_no,
    refund_attempts.c.payment_no,
    unique=True,
    postgresql_where=text("state = 'SENT'"),
)

payouts = Table(
    "payouts",
    metadata,
    Column("payout_no", Text, primary_key=True, comment="<leg>-<n>"),
    Column("leg_id", Text, ForeignKey("refund_legs.leg_id"), nullable=False),
    Column("n", Integer, nullable=False, comment="counts the leg's payouts, from 1"),
    Column("claim_no", Text, nullable=False),
    Column("order_no", Text, nullable=False),
    Column("state", Text, nullable=False, server_default=PayoutState.UNTREATED.value),
    Column("amount", BigInteger, nullable=False),
    Column("currency", Text, nullable=False),
    Column("account_id", BigInteger, ForeignKey("private_parts.private_id"), nullable=False, comment="paid to"),
    Column("opened_by", Text, nullable=False),
    Column("reason", Text, nullable=False, comment="why it is paid out by hand"),
    _at("opened_at", now=True),
    Column("closed_by", Text),
    _at("closed_at", nullable=True),
    Column("evidence", Text, comment="of a success: where it can be looked up"),
    Column("failure", Text, comment="of a failure: why"),
    UniqueConstraint("leg_id", "n"),
    CheckConstraint("amount > 0", name="amount"),
    CheckConstraint("(state = 'UNTREATED') = (closed_at IS NULL)", name="closed_once_treated"),
    CheckConstraint("(state = 'SUCCESS') = (evidence IS NOT NULL)", name="success_has_evidence"),
    CheckConstraint("(state = 'FAILURE') = (failure IS NOT NULL)", name="failure_has_a_reason"),
    _one_of("state", PayoutState),
)
Index("ix_payouts_claim_no", payouts.c.claim_no)
Index("ix_payouts_account_id", payouts.c.account_id)
Index(
    "uq_payouts_one_untreated_per_leg",
    payouts.c.leg_id,
    unique=True,
    postgresql_where=text("state = 'UNTREATED'"),
)

external_refunds = Table(
    "external_refunds",
    metadata,
    Column("gateway", Text, nullable=False),
    Column("payment_ref", Text, nullable=False),
    Column("refund_ref", Text, nullable=False, comment="the gateway's own reference of the refund"),
    Column("order_no", Text, nullable=False),
    Column("payment_no", Text, nullable=False),
    Column("amount", BigInteger, nullable=False),
    Column("state", Text, nullable=False, server_default=ExternalState.COUNTED.value),
    Column("leg_id", Text, ForeignKey("refund_legs.leg_id"), comment="the leg that it turned out to be of"),
    _at("found_at", now=True),
    _at("moved_at", now=True),
    PrimaryKeyConstraint("gateway", "payment_ref", "refund_ref"),
    ForeignKeyConstraint(["order_no", "payment_no"], ["order_payments.order_no", "order_payments.payment_no"]),
    CheckConstraint("amount > 0", name="amount"),
    CheckConstraint("(state IN ('OURS', 'SETTLES_LEG')) = (leg_id IS NOT NULL)", name="of_a_leg"),
    _one_of("state", ExternalState),
    comment="refunds that no claim asked for: somebody made them in the gateway's own console",
)
Index("ix_external_refunds_order_no", external_refunds.c.order_no)

# --- what gateways tell unasked -------------------------------------------------------------------------------------

webhook_deliveries = Table(
    "webhook_deliveries",
    metadata,
    Column("gateway", Text, nullable=False),
    Column("delivery_id", Text, nullable=False, comment="the gateway's; the same for every repeat"),
    Column("event", Text, nullable=False, comment="the gateway's own word"),
    Column("payment_ref", Text, comment="what it is about, as far as it says so"),
    Column("refund_ref", Text),
    Column("reference", Text, comment="a refund leg, or the number of an order"),
    _at("received_at", now=True),
    Column("followed_at", DateTime(timezone=True), comment="when what follows was begun for good; null: not yet"),
    PrimaryKeyConstraint("gateway", "delivery_id"),
    comment="hints to read a payment, never facts; of their bodies nothing else is kept",
)
Index(
    "ix_webhook_deliveries_not_followed",
    webhook_deliveries.c.received_at,
    postgresql_where=text("followed_at IS NULL"),
)
Index(
    "ix_webhook_deliveries_followed",
    webhook_deliveries.c.followed_at,
    postgresql_where=text("followed_at IS NOT NULL"),
)

# --- money in: what a cancel costs beyond its refund ----------------------------------------------------------------

extra_payments = Table(
    "extra_payments",
    metadata,
    Column("claim_no", Text, ForeignKey("claims.claim_no"), primary_key=True),
    Column("order_no", Text, ForeignKey("orders.order_no"), nullable=False),
    Column("means", Text, nullable=False),
    Column("gateway", Text, comment="null: a credit of our own"),
    Column("stored_no", Text, comment="the member's stored means; null: the token is among the claim's private parts"),
    Column("amount", BigInteger, nullable=False),
    Column("state", Text, nullable=False, server_default=ChargeState.PLANNED.value),
    Column("key_no", Integer, nullable=False, server_default="1", comment="n of charge-{claim}-{n}"),
    Column("try_no", Integer, nullable=False, server_default="0", comment="counts each arming, of any n"),
    Column("key_used_at", DateTime(timezone=True), comment="when key n was first sent"),
    Column("deadline", DateTime(timezone=True)),
    Column("settled_after", DateTime(timezone=True)),
    Column("error_answered", Boolean, nullable=False, server_default=text("false")),
    Column("ever_unknown", Boolean, nullable=False, server_default=text("false")),
    Column("payment_no", Text, comment="the payment of the order that it became"),
    Column("gateway_ref", Text, comment="the gateway's own reference of the charge"),
    Column("code", Text, comment="the gateway's last code for it"),
    _at("moved_at", now=True),
    CheckConstraint("amount > 0", name="amount"),
    CheckConstraint("(state = 'TAKEN') = (payment_no IS NOT NULL)", name="taken_is_a_payment"),
    _one_of("means", Means),
    _one_of("state", ChargeState),
)
Index("ix_extra_payments_order_no", extra_payments.c.order_no)

# --- movements: what was given back, once each ----------------------------------------------------------------------

stock_movements = Table(
    "stock_movements",
    metadata,
    Column("movement_id", BigInteger, Identity(always=True), primary_key=True),
    Column("movement_key", Text, nullable=False, unique=True),
    Column("kind", Text, nullable=False, comment="feed, restock, reserve, unreserve, release"),
    Column("goods_no", Text, nullable=False),
    Column("variant_no", Text, nullable=False),
    Column("quantity", BigInteger, nullable=False, comment="signed: added to stock"),
    Column("claim_no", Text),
    Column("order_no", Text),
    Column("line_no", Integer),
    _at("at", now=True),
    ForeignKeyConstraint(["goods_no", "variant_no"], ["items.goods_no", "items.variant_no"]),
)
Index(
    "uq_stock_movements_one_restock_per_claim_line",
    stock_movements.c.claim_no,
    stock_movements.c.line_no,
    unique=True,
    postgresql_where=text("kind = 'restock'"),
)
Index("ix_stock_movements_order_no", stock_movements.c.order_no)

credit_movements = Table(
    "credit_movements",
    metadata,
    Column("movement_id", BigInteger, Identity(always=True), primary_key=True),
    Column("movement_key", Text, nullable=False, unique=True),
    Column("kind", Text, nullable=False, comment="feed, refund, extra, points"),
    Column("means", Text, nullable=False, comment="mileage, deposit, gift_card"),
    Column("member_no", Text, ForeignKey("members.member_no")),
    Column("reference", Text, comment="a gift card's own reference"),
    Column("amount", BigInteger, nullable=False, comment="signed: added to the balance"),
    Column("claim_no", Text),
    Column("order_no", Text),
    Column("leg_id", Text, ForeignKey("refund_legs.leg_id"), unique=True),
    _at("expires_at", nullable=True),
    Column("owed", BigInteger, nullable=False, server_default="0", comment="of points: what the balance lacked"),
    _at("at", now=True),
)
Index("ix_credit_movements_order_no", credit_movements.c.order_no)

coupon_movements = Table(
    "coupon_movements",
    metadata,
    Column("movement_id", BigInteger, Identity(always=True), primary_key=True),
    Column("movement_key", Text, nullable=False, unique=True),
    Column("kind", Text, nullable=False, comment="feed, restore, reissue"),
    Column("coupon_no", Text, ForeignKey("coupons.coupon_no"), nullable=False),
    Column("claim_no", Text),
    Column("order_no", Text),
    Column("facts", JSONB, nullable=False, server_default=text("'{}'::jsonb")),
    _at("at", now=True),
)
Index("ix_coupon_movements_order_no", coupon_movements.c.order_no)

# --- cash receipts, cancelled after their refunds ---------------------------------------------------------------------

receipt_cancels = Table(
    "receipt_cancels",
    metadata,
    Column("leg_id", Text, ForeignKey("refund_legs.leg_id"), primary_key=True),
    Column("claim_no", Text, nullable=False),
    Column("order_no", Text, nullable=False),
    Column("payment_no", Text, nullable=False),
    Column("amount", BigInteger, nullable=False),
    Column("state", Text, nullable=False),
    Column("key_no", Integer, nullable=False, server_default="1", comment="n of receipt-{leg}-{n}"),
    Column("code", Text, comment="how the last try ended"),
    _at("armed_at", now=True),
    _at("moved_at", now=True),
    _one_of("state", ReceiptState),
)
Index(
    "uq_receipt_cancels_one_sent_per_payment",
    receipt_cancels.c.order_no,
    receipt_cancels.c.payment_no,
    unique=True,
    postgresql_where=text("state = 'SENT'"),
)

# --- events for the shop's systems: filled by triggers on the ledger, see the migration that made them ----------------

claim_outbox = Table(
    "claim_outbox",
    metadata,
    Column("outbox_id", BigInteger, Identity(always=True), primary_key=True),
    Column("event_no", BigInteger, unique=True, comment="given to committed events only, by whoever reads them first"),
    Column("claim_no", Text, nullable=False),
    Column("order_no", Text, nullable=False),
    Column("sequence", Integer, nullable=False, comment="1, 2, 3 … within the claim"),
    Column("type", Text, nullable=False),
    _at("at"),
    Column("payload", JSONB, nullable=False, comment="the claim as it stood, without personal data"),
    _at("delivered_at", nullable=True),
    UniqueConstraint("claim_no", "sequence"),
    _one_of("type", EventType),
)
Index("ix_claim_outbox_unnumbered", claim_outbox.c.outbox_id, postgresql_where=text("event_no IS NULL"))
Index(
    "ix_claim_outbox_undelivered",
    claim_outbox.c.claim_no,
    claim_outbox.c.sequence,
    postgresql_where=text("delivered_at IS NULL"),
)

outbox_numbers = Table(
    "outbox_numbers",
    metadata,
    Column("one_row", Boolean, primary_key=True, server_default=text("true")),
    Column("last", BigInteger, nullable=False, comment="the highest event number given"),
    CheckConstraint("one_row", name="one_row"),
)

outbox_delays = Table(
    "outbox_delays",
    metadata,
    Column("claim_no", Text, primary_key=True, comment="a claim whose next event could not be delivered"),
    Column("tries", Integer, nullable=False),
    Column("code", Text, nullable=False, comment="how the last try ended"),
    _at("since", now=True),
    _at("next_at"),
)

# --- notices --------------------------------------------------------------------------------------------------------

notices = Table(
    "notices",
    metadata,
    Column("notice_id", Text, primary_key=True, comment="<claim number>-<event>[-<round>]-<channel>"),
    Column("claim_no", Text, nullable=False),
    Column("order_no", Text, ForeignKey("orders.order_no"), nullable=False),
    Column("member_no", Text),
    Column("event", Text, nullable=False),
    Column("channel", Text, nullable=False),
    Column("language", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("body", Text, nullable=False),
    Column(
        "parameters", JSONB, nullable=False, server_default=text("'{}'"), comment="the places of the approved template"
    ),
    Column("state", Text, nullable=False),
    Column("reference", Text, comment="the channel's own reference"),
    Column("code", Text),
    _at("created_at", now=True),
    _at("moved_at", now=True),
    Column("round", Integer, nullable=False, server_default="1", comment="the claim's then; a parking's number"),
    UniqueConstraint("claim_no", "event", "channel", "round"),
    _one_of("event", NoticeEvent),
    _one_of("channel", Channel),
    _one_of("state", NoticeState),
)
Index("ix_notices_member_no", notices.c.member_no)
Index(
    "ix_notices_to_shop",
    notices.c.created_at,
    postgresql_where=text("channel = 'shop' AND state = 'PLANNED'"),
)

notice_routes = Table(
    "notice_routes",
    metadata,
    Column("notice_id", Text, ForeignKey("notices.notice_id"), nullable=False),
    Column("no", Integer, nullable=False, comment="counts a notice's ways from 1; it goes by the last"),
    Column("route", Text, nullable=False),
    Column("sent_by", Text, nullable=False),
    Column("provider", Text, nullable=False),
    Column("reference", Text, comment="the provider's own name of the message"),
    Column("state", Text, nullable=False),
    Column("code", Text, comment="what was last learned, as a slug"),
    Column("tries", Integer, nullable=False, server_default="0"),
    Column("sent_at", DateTime(timezone=True), comment="when a request may last have left"),
    Column("looked_at", DateTime(timezone=True), comment="when the provider was last asked about it"),
    _at("at", now=True),
    PrimaryKeyConstraint("notice_id", "no"),
    _one_of("route", Route),
    _one_of("sent_by", SentBy),
    _one_of("state", RouteState),
)
Index(
    "ix_notice_routes_open",
    notice_routes.c.at,
    postgresql_where=text("route IN ('alimtalk', 'sms') AND state NOT IN ('DELIVERED', 'FAILED')"),
)

# --- operators ------------------------------------------------------------------------------------------------------

parkings = Table(
    "parkings",
    metadata,
    Column("parking_no", BigInteger, parking_numbers, primary_key=True, server_default=parking_numbers.next_value()),
    Column("claim_no", Text, ForeignKey("claims.claim_no"), nullable=False),
    Column("order_no", Text, nullable=False),
    Column("step", Text, nullable=False),
    Column("part", Text, nullable=False, server_default="", comment="the leg of a refund parking"),
    Column("cause", Text, nullable=False),
    Column("detail", Text, nullable=False, comment="what failed and what was tried, without personal data"),
    Column("outcome_unknown", Boolean, nullable=False, server_default=text("false")),
    Column("actions", ARRAY(Text), nullable=False, comment="what is safe"),
    _at("parked_at", now=True),
    _at("closed_at", nullable=True),
    Column("closed_by", Text, comment="a command's action, superseded, or final"),
    _one_of("step", Step),
    _one_of("cause", StuckReason),
)
Index(
    "uq_parkings_one_open_per_part",
    parkings.c.claim_no,
    parkings.c.step,
    parkings.c.part,
    unique=True,
    postgresql_where=text("closed_at IS NULL"),
)

operator_commands = Table(
    "operator_commands",
    metadata,
    Column("command_id", BigInteger, Identity(always=True), primary_key=True),
    _at("at", now=True),
    Column("claim_no", Text, nullable=False),
    Column("order_no", Text),
    Column("parking_no", BigInteger),
    Column("command", Text, nullable=False, comment="an action of a parking, resume, or cancel"),
    Column("actor", Text, nullable=False),
    Column("actor_verified", Boolean, nullable=False, comment="false: typed in the Web UI"),
    Column("channel", Text, nullable=False, comment="api, web-ui, console"),
    Column("reason", Text, nullable=False),
    Column("evidence", Text),
    Column("request_ref", Text, nullable=False, comment="the update's id: a repeat of it is the same command"),
    Column("workflow_id", Text),
    Column("run_id", Text),
    Column("before", Text, comment="claim status before"),
    Column("after", Text),
    Column("accepted", Boolean, nullable=False),
    Column("refusal", Text),
    Index("ix_operator_commands_claim_no", "claim_no"),
    comment="append-only: a trigger refuses update and delete",
)
Index(
    "uq_operator_commands_one_accepted_per_parking",
    operator_commands.c.parking_no,
    unique=True,
    postgresql_where=text("accepted AND parking_no IS NOT NULL"),
)

findings = Table(
    "findings",
    metadata,
    Column("finding_key", Text, primary_key=True, comment="<kind>/<subject>"),
    Column("kind", Text, nullable=False, comment="no_workflow, quiet, sent_of_final, late_refund, conservation"),
    Column("order_no", Text),
    Column("claim_no", Text),
    Column("detail", JSONB, nullable=False),
    _at("found_at", now=True),
    _at("seen_at", now=True),
    _at("cleared_at", nullable=True),
)

finding_closings = Table(
    "finding_closings",
    metadata,
    Column("closing_id", BigInteger, Identity(always=True), primary_key=True),
    Column("finding_key", Text, ForeignKey("findings.finding_key"), nullable=False),
    Column("detail", JSONB, nullable=False, comment="the facts that were closed: the same ones don't come back"),
    _at("at", now=True),
    Column("actor", Text, nullable=False),
    Column("channel", Text, nullable=False, comment="api"),
    Column("reason", Text, nullable=False),
    Index("ix_finding_closings_finding_key", "finding_key"),
    comment="append-only: a trigger refuses update and delete",
)

# --- comparing with the gateways ------------------------------------------------------------------------------------

reconciliations = Table(
    "reconciliations",
    metadata,
    Column("gateway", Text, nullable=False, comment="a merchant's name"),
    Column("day", Date, nullable=False, comment="by the shop's time zone"),
    _at("started_at", now=True),
    _at("ended_at", nullable=True),
    Column("run_ref", Text, nullable=False, comment="the workflow that does it, or did it last"),
    Column("compared", Integer, nullable=False, server_default="0", comment="payments compared"),
    Column("unread", Integer, nullable=False, server_default="0", comment="payments that could not be compared"),
    Column("differing", Integer, nullable=False, server_default="0", comment="payments with an open case"),
    Column(
        "limited", Boolean, nullable=False, server_default=text("false"), comment="more payments than are looked at"
    ),
    Column("code", Text, comment="why it did not come to its end"),
    PrimaryKeyConstraint("gateway", "day"),
)
