/** How a person is called: the full name they gave, else first and last name; undefined without any. */
export function displayNameOf({
  fullName,
  firstName,
  lastName,
}: {
  fullName: string | null;
  firstName: string | null;
  lastName: string | null;
}): string | undefined {
  return (fullName ?? [firstName, lastName].filter(Boolean).join(' ')) || undefined;
}
