/** Whose a path is: `u/ann` of `u/ann/x`, `f/shop` of `f/shop/a/b`. */
export const ownerOf = (path: string): string => path.split("/").slice(0, 2).join("/");
