/** A PDF of a result, in the browser's own viewer. */
import { useEffect, useState } from "react";

import { Button } from "@/ui/button";
import { saveFile } from "@/ui/save-file";

import { bytesOf } from "./shape";

export default function PdfView({ base64, name }: { base64: string; name: string }) {
  const [url, setUrl] = useState("");
  const [fault, setFault] = useState("");
  useEffect(() => {
    try {
      const made = URL.createObjectURL(new Blob([bytesOf(base64)], { type: "application/pdf" }));
      // eslint-disable-next-line react-hooks/set-state-in-effect -- an address is a thing of the browser that must be given back
      setUrl(made);
      return () => URL.revokeObjectURL(made);
    } catch {
      setFault("Its “pdf” is no base64: encode the bytes of the document with base64.b64encode.");
    }
  }, [base64]);
  if (fault) return <p role="alert">{fault}</p>;
  return (
    <div className="flex flex-col items-start gap-2">
      {url && <iframe title="Result as PDF" src={url} className="h-[70vh] w-full rounded-md border border-line" />}
      <Button small look="quiet" onClick={() => saveFile(new Blob([bytesOf(base64)], { type: "application/pdf" }), `${name}.pdf`)}>
        Download the PDF
      </Button>
    </div>
  );
}
