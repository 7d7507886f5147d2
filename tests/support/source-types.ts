/** Reads names out of our own sources, so that pages of the reference can be held against them. */

import ts from "typescript";

import { readPage } from "./markdown.ts";

function parse(file: string): ts.SourceFile {
  return ts.createSourceFile(file, readPage(file), ts.ScriptTarget.ES2022, true);
}

function find<T extends ts.NamedDeclaration>(
  file: string,
  name: string,
  is: (node: ts.Node) => node is T,
): T {
  let found: T | undefined;
  ts.forEachChild(parse(file), (node) => {
    if (is(node) && node.name?.getText() === name) found = node;
  });
  if (found === undefined) throw new Error(`${file} declares no ${name}`);
  return found;
}

/** The members of a union of texts, such as `ErrorCode`. */
export function unionOf(file: string, name: string): string[] {
  const texts: string[] = [];
  const visit = (node: ts.Node): void => {
    if (ts.isLiteralTypeNode(node) && ts.isStringLiteral(node.literal))
      texts.push(node.literal.text);
    ts.forEachChild(node, visit);
  };
  visit(find(file, name, ts.isTypeAliasDeclaration));
  return texts;
}

/** The texts that the member `kind` has in the members of a union. */
export function kindsOf(file: string, name: string): string[] {
  const { type } = find(file, name, ts.isTypeAliasDeclaration);
  const members = ts.isUnionTypeNode(type) ? type.types : [type];
  return members.flatMap((member) => {
    if (!ts.isTypeLiteralNode(member)) return [];
    const kind = member.members.find((part) => part.name?.getText() === "kind");
    return kind !== undefined && ts.isPropertySignature(kind) && kind.type !== undefined
      ? [kind.type.getText().replaceAll('"', "")]
      : [];
  });
}

/** The names of the members of an interface; those of nested literals as `outer.inner`. */
export function membersOf(file: string, name: string): string[] {
  return find(file, name, ts.isInterfaceDeclaration).members.flatMap((member) => {
    const key = member.name?.getText() ?? "";
    const inner = ts.isPropertySignature(member) ? member.type : undefined;
    if (inner === undefined || !ts.isTypeLiteralNode(inner)) return [key];
    return inner.members.map((part) => `${key}.${part.name?.getText() ?? ""}`);
  });
}

/** What a door exports: values, and names that exist for the compiler only. */
export function exportsOf(file: string): { readonly values: string[]; readonly types: string[] } {
  const values: string[] = [];
  const types: string[] = [];
  ts.forEachChild(parse(file), (node) => {
    if (!ts.isExportDeclaration(node)) return;
    const { exportClause } = node;
    if (exportClause === undefined || !ts.isNamedExports(exportClause)) {
      throw new Error(`${file} exports names that it does not list`);
    }
    for (const element of exportClause.elements) {
      (node.isTypeOnly || element.isTypeOnly ? types : values).push(element.name.text);
    }
  });
  return { values: values.sort(), types: types.sort() };
}
