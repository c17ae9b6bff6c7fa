// Asks the interface. No DOM. A failure carries the reason and remedy that the server gave.

export class ApiError extends Error {
  /** @param {string} text @param {number} status */
  constructor(text, status) {
    super(text);
    this.status = status;
  }
}

/**
 * @param {string} path below api/v1/
 * @param {Record<string, string | number | undefined>} [query]
 * @returns {Promise<any>}
 */
export async function ask(path, query = {}) {
  const q = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) if (value !== undefined && value !== "") q.set(name, String(value));
  const tail = q.toString();
  let response;
  try {
    response = await fetch(`api/v1/${path}${tail ? `?${tail}` : ""}`, { headers: { accept: "application/json" } });
  } catch {
    throw new ApiError("The dashboard does not answer.", 0);
  }
  if (response.ok) return response.json();
  const problem = await response.json().catch(() => ({}));
  const thing = problem.thing ?? `api/v1/${path}`;
  throw new ApiError(`${thing}: ${problem.reason ?? response.statusText}`, response.status);
}
