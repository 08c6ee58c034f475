/** Checks forms against their schemas by interpretation: the usual validator makes code, which our policy forbids. */
import { Validator } from "@cfworker/json-schema";
import { toErrorList, unwrapErrorHandler, validationDataMerge, createErrorHandler, getDefaultFormState, type CustomValidator, type ErrorSchema, type RJSFSchema, type RJSFValidationError, type ValidationData, type ValidatorType } from "@rjsf/utils";

type Schema = ConstructorParameters<typeof Validator>[0];

function faults(schema: RJSFSchema, value: unknown): RJSFValidationError[] {
  const found = new Validator(schema as Schema, "2020-12", false).validate(value ?? {});
  return found.errors
    .filter((each) => !["properties", "items", "allOf", "anyOf", "oneOf", "$ref"].includes(each.keyword))
    .map((each) => {
      const place = each.instanceLocation.replace(/^#\/?/, "").replaceAll("/", ".");
      const missing = each.keyword === "required" ? /"([^"]+)"/.exec(each.error)?.[1] : undefined;
      const property = [place, missing].filter(Boolean).join(".");
      return { name: each.keyword, property: property ? `.${property}` : "", message: missing ? "is required" : each.error, stack: each.error, params: {}, schemaPath: each.keywordLocation };
    });
}

function schemaOf(errors: RJSFValidationError[]): ErrorSchema {
  const whole: ErrorSchema = {};
  for (const each of errors) {
    let at: ErrorSchema = whole;
    for (const part of (each.property ?? "").split(".").filter(Boolean)) at = ((at as Record<string, ErrorSchema>)[part] ??= {});
    (at.__errors ??= []).push(each.message ?? "");
  }
  return whole;
}

export const validator = {
  validateFormData(formData: unknown, schema: RJSFSchema, customValidate?: CustomValidator): ValidationData<unknown> {
    const errors = faults(schema, formData);
    const found = { errors, errorSchema: schemaOf(errors) };
    if (!customValidate) return found;
    const whole = getDefaultFormState(validator, schema, formData, schema, true) as unknown;
    const handler = customValidate(whole, createErrorHandler(whole));
    return validationDataMerge(found, unwrapErrorHandler(handler));
  },
  isValid: (schema: RJSFSchema, formData: unknown) => faults(schema, formData).length === 0,
  rawValidation: <Result>(schema: RJSFSchema, formData?: unknown) => ({ errors: faults(schema, formData) as Result[] }),
  toErrorList,
  reset: () => undefined,
} as unknown as ValidatorType;
