/** A form made from a JSON schema. */
import Form, { type IChangeEvent } from "@rjsf/core";
import type { FieldProps, FieldTemplateProps, WidgetProps, ObjectFieldTemplateProps, RJSFSchema, UiSchema, ArrayFieldItemTemplateProps, ArrayFieldTemplateProps } from "@rjsf/utils";
import { Plus, X } from "lucide-react";
import { lazy, Suspense, useMemo, type Ref } from "react";

import { ObjectInput, type Pointer } from "@/object/picker";
import { ObjectsInput } from "@/object/several";
import { Button, IconButton } from "@/ui/button";

import { FilesInput } from "./files";
import { validator } from "./validator";
import { CheckWidget, ChoiceWidget, DateTimeWidget, DateWidget, FileWidget, JsonWidget, LongTextWidget, ResourceWidget, SecretWidget, SqlWidget, TextWidget } from "./widgets";

type Schema = RJSFSchema & { order?: string[]; password?: boolean; contentEncoding?: string };

const WIDGETS = { TextWidget, TextareaWidget: LongTextWidget, PasswordWidget: SecretWidget, CheckboxWidget: CheckWidget, SelectWidget: ChoiceWidget, CheckboxesWidget: ChoiceWidget, DateTimeWidget, DateWidget };

const OBJECT = "resource-s3_object";

const Cron = lazy(() => import("./cron")); // the words for patterns are large, and few forms ask for one

function CronWidget(props: WidgetProps) {
  return (
    <Suspense fallback={<TextWidget {...props} />}>
      <Cron {...props} />
    </Suspense>
  );
}

/** Which widget a schema wants. */
export function uiOf(schema: Schema): UiSchema {
  if (schema.format === OBJECT) return { "ui:field": "StoredObjectField" };
  if (typeof schema.format === "string" && schema.format.startsWith("resource-")) return { "ui:field": "ResourceField" };
  if (schema.type === "object" && schema.properties) {
    const members = Object.entries(schema.properties).map(([name, each]) => [name, uiOf(each as Schema)] as const);
    const ui: UiSchema = Object.fromEntries(members);
    if (schema.order) ui["ui:order"] = [...schema.order.filter((name) => schema.properties?.[name] !== undefined), "*"];
    return ui;
  }
  const items = schema.type === "array" ? (schema.items as Schema | undefined) : undefined;
  if (items?.format === OBJECT) return { "ui:field": "StoredObjectsField" };
  if (items?.contentEncoding === "base64") return { "ui:field": "FilesField" };
  if (schema.type === "array" && schema.items && typeof schema.items === "object" && !Array.isArray(schema.items)) return { items: uiOf(schema.items as Schema) };
  if (schema.type === "object" || schema.type === undefined || Array.isArray(schema.type)) return { "ui:field": "JsonField" };
  if (schema.contentEncoding === "base64") return { "ui:widget": FileWidget };
  if (schema.password || schema.format === "password") return { "ui:widget": "password" };
  if (schema.format === "date-time") return { "ui:widget": "date-time" };
  if (schema.format === "date") return { "ui:widget": "date" };
  if (schema.format === "textarea") return { "ui:widget": "textarea" };
  if (schema.format === "sql") return { "ui:widget": SqlWidget };
  if (schema.format === "cron") return { "ui:widget": CronWidget };
  return {};
}

/** Formats that are about pickers, not about texts, mean nothing to the checks. */
function plain(schema: Schema): RJSFSchema {
  const copy: Schema = { ...schema };
  delete copy.order;
  if (typeof copy.format === "string" && copy.format.startsWith("resource-")) return { title: copy.title, description: copy.description };
  if (copy.default === null) delete copy.default;
  if (copy.properties) copy.properties = Object.fromEntries(Object.entries(copy.properties).map(([name, each]) => [name, plain(each as Schema)]));
  if (copy.items && typeof copy.items === "object" && !Array.isArray(copy.items)) copy.items = plain(copy.items as Schema);
  return copy;
}

function ResourceField(props: FieldProps) {
  const { fieldPathId, formData, onChange, required, disabled } = props;
  const format = (props.uiSchema?.["ui:options"] as { format?: string } | undefined)?.format;
  return <ResourceWidget {...(props as unknown as Parameters<typeof ResourceWidget>[0])} id={fieldPathId.$id} value={formData as unknown} onChange={(value: unknown) => onChange(value, fieldPathId.path)} required={required} disabled={disabled} schema={{ format }} />;
}

function StoredObjectField({ fieldPathId, formData, onChange, disabled }: FieldProps) {
  return <ObjectInput id={fieldPathId.$id} value={formData as Pointer | undefined} onChange={(value) => onChange(value, fieldPathId.path)} disabled={disabled} />;
}

function StoredObjectsField({ fieldPathId, formData, onChange, disabled, name, schema }: FieldProps) {
  return <ObjectsInput id={fieldPathId.$id} title={schema.title ?? name} value={formData as Pointer[] | undefined} onChange={(value) => onChange(value, fieldPathId.path)} disabled={disabled} />;
}

function FilesField({ fieldPathId, formData, onChange, disabled }: FieldProps) {
  return <FilesInput id={fieldPathId.$id} value={formData as string[] | undefined} onChange={(value) => onChange(value, fieldPathId.path)} disabled={disabled} />;
}

function JsonField({ fieldPathId, formData, onChange, disabled }: FieldProps) {
  return <JsonWidget id={fieldPathId.$id} value={formData as unknown} onChange={(value: unknown) => onChange(value, fieldPathId.path)} disabled={disabled} />;
}

/** What an item of a list is called: rjsf gives "shops-1" where a schema says nothing. */
function titleOf(title: string | undefined, path: readonly (string | number)[]): string | undefined {
  const at = path.at(-1);
  return typeof at === "number" && title ? title.replace(new RegExp(`-${at + 1}$`), ` ${at + 1}`) : title;
}

function Labelled({ id, label, fieldPathId, required, rawDescription, rawErrors, children, schema, hidden, displayLabel }: FieldTemplateProps) {
  if (hidden) return <div className="hidden">{children}</div>;
  const isGroup = schema.type === "object" && schema.properties !== undefined;
  if (isGroup || schema.type === "boolean") {
    return (
      <div>
        {children}
        {schema.type === "boolean" && rawDescription && <p className="text-[13px] text-muted">{rawDescription}</p>}
      </div>
    );
  }
  const isItem = typeof fieldPathId.path.at(-1) === "number";
  return (
    <div className="flex flex-col gap-1">
      {(displayLabel ?? true) || label ? (
        <label htmlFor={id} className={isItem ? "sr-only" : "text-[13px] font-medium"}>
          {titleOf(label, fieldPathId.path)}
          {required && !isItem && <span className="text-bad"> *</span>}
        </label>
      ) : null}
      {children}
      {rawErrors?.map((each) => (
        <p key={each} className="text-[13px] text-bad">
          {each}
        </p>
      ))}
      {rawDescription && <p className="text-[13px] text-muted">{rawDescription}</p>}
    </div>
  );
}

function Group({ title, description, properties, fieldPathId }: ObjectFieldTemplateProps) {
  const isRoot = fieldPathId.path.length === 0;
  const fields = <div className="flex flex-col gap-3">{properties.map((each) => each.content)}</div>;
  if (isRoot) return fields;
  return (
    <fieldset className="rounded-md border border-line p-3">
      <legend className="px-1 text-[13px] font-medium">{titleOf(title, fieldPathId.path)}</legend>
      {description && <p className="mb-2 text-[13px] text-muted">{description}</p>}
      {fields}
    </fieldset>
  );
}

function Items({ items, canAdd, onAddClick, title }: ArrayFieldTemplateProps) {
  return (
    <div className="flex flex-col gap-2">
      {items}
      {canAdd && (
        <Button small icon={<Plus size={14} aria-hidden />} onClick={onAddClick} className="self-start">
          Add to {title}
        </Button>
      )}
    </div>
  );
}

function Item({ children, buttonsProps, hasToolbar }: ArrayFieldItemTemplateProps) {
  return (
    <div className="flex items-start gap-1">
      <div className="min-w-0 flex-1">{children}</div>
      {hasToolbar && buttonsProps.hasRemove && (
        <IconButton label="Remove" disabled={buttonsProps.disabled} onClick={buttonsProps.onRemoveItem}>
          <X size={14} aria-hidden />
        </IconButton>
      )}
    </div>
  );
}

const FIELDS = { StoredObjectField, StoredObjectsField, FilesField, ResourceField, JsonField };

interface SchemaFormProps {
  schema: Schema;
  value: Record<string, unknown>;
  onChange: (value: Record<string, unknown>) => void;
  onSubmit?: () => void;
  /** Called instead where the form finds a fault, which its field shows. */
  onRefused?: () => void;
  id: string;
  disabled?: boolean;
  /** Whether members that are absent get their defaults as the form is shown. */
  fillsDefaults?: boolean;
  ref?: Ref<Form>;
}

function withFormats(schema: Schema, ui: UiSchema): UiSchema {
  if (ui["ui:field"] === "ResourceField") return { ...ui, "ui:options": { format: schema.format } };
  const found: UiSchema = { ...ui };
  for (const [name, each] of Object.entries(schema.properties ?? {})) if (found[name]) found[name] = withFormats(each as Schema, found[name] as UiSchema);
  if (schema.items && found.items) found.items = withFormats(schema.items as Schema, found.items as UiSchema);
  return found;
}

const FILL = { emptyObjectFields: "populateAllDefaults" } as const;
const LEAVE = { emptyObjectFields: "skipDefaults" } as const;

/** Without the objects that may be left out and in which nothing is filled in. */
export function withoutEmpty(schema: Schema, value: Record<string, unknown>): Record<string, unknown> {
  const members = Object.entries(value).map(([name, member]) => {
    const inner = schema.properties?.[name];
    if (typeof inner !== "object" || inner.properties === undefined || typeof member !== "object" || member === null || Array.isArray(member)) return [name, member] as const;
    const kept = withoutEmpty(inner as Schema, member as Record<string, unknown>);
    const isEmpty = Object.values(kept).every((each) => each === undefined);
    return [name, isEmpty && !schema.required?.includes(name) ? undefined : kept] as const;
  });
  return Object.fromEntries(members.filter(([, member]) => member !== undefined));
}

/** What a widget cannot read is no value, and the checks see values only: such a field says so by `data-fault`. */
function unread(form: string): HTMLElement | null {
  return document.getElementById(form)?.querySelector<HTMLElement>("[data-fault]") ?? null;
}

export function SchemaForm({ schema, value, onChange, onSubmit, onRefused, id, disabled, fillsDefaults = true, ref }: SchemaFormProps) {
  const checked = useMemo(() => plain(schema), [schema]);
  const ui = useMemo(() => ({ ...withFormats(schema, uiOf(schema)), "ui:submitButtonOptions": { norender: true } }), [schema]);
  function submit() {
    const fault = unread(id);
    if (fault === null) return onSubmit?.();
    fault.focus();
    onRefused?.();
  }
  return (
    <Form
      ref={ref}
      id={id}
      schema={checked}
      uiSchema={ui}
      formData={value}
      validator={validator}
      widgets={WIDGETS}
      fields={FIELDS as never}
      templates={{ FieldTemplate: Labelled, ObjectFieldTemplate: Group, ArrayFieldTemplate: Items, ArrayFieldItemTemplate: Item }}
      experimental_defaultFormStateBehavior={fillsDefaults ? FILL : LEAVE}
      showErrorList={false}
      noHtml5Validate
      disabled={disabled}
      onChange={(event: IChangeEvent) => onChange(fillsDefaults ? (event.formData as Record<string, unknown>) : withoutEmpty(schema, event.formData as Record<string, unknown>))}
      onSubmit={submit}
      onError={() => onRefused?.()}
    />
  );
}
